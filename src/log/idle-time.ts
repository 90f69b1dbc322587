/** Time that the thread waited elsewhere than in the event loop, which takes it for work. */

/** Added to by those who wait. */
export const idleTime = { milliseconds: 0 };
