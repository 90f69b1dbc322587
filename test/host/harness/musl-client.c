/* A static musl program resolves a name: musl asks all nameservers at once, by itself. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM}, *found;
    if (argc < 2 || getaddrinfo(argv[1], 0, &hints, &found) != 0) return 1;
    char text[INET_ADDRSTRLEN];
    struct sockaddr_in *address = (struct sockaddr_in *)found->ai_addr;
    puts(inet_ntop(AF_INET, &address->sin_addr, text, sizeof text));
    return 0;
}
