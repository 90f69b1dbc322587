import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTemplate } from '../../../src/plugins/template-parser.ts';
import {
  TemplateError,
  type TemplateFields,
  type TemplateValue,
} from '../../../src/plugins/template-value.ts';

function fieldsOf(values: Readonly<Record<string, TemplateValue>>, isStruct: boolean) {
  return { fields: new Map(Object.entries(values)), isStruct };
}

const DATA: TemplateFields = fieldsOf(
  {
    Name: 'ip-10.test.',
    Type: 'A',
    Empty: '',
    Match: ['ip-10.test.', '10'],
    None: [],
    Group: fieldsOf({ a: '10', hex: 'fF' }, false),
    Question: fieldsOf({ Qtype: 28n, Name: 'IP-10.test.' }, true),
    Meta: ([name]: readonly TemplateValue[]) => `meta of ${String(name)}`,
  },
  true,
);

const fill = (source: string) => parseTemplate(source).fill(DATA);

function codeOf(source: string): string {
  try {
    return `filled in: ${fill(source)}`;
  } catch (error) {
    if (error instanceof TemplateError) return error.code;
    throw error;
  }
}

describe('values', () => {
  test.each([
    ['plain { } text', 'plain { } text'],
    ['', ''],
    ['{{ .Name }} 60', 'ip-10.test. 60'],
    ['{{.Name}}{{.Type}}', 'ip-10.test.A'],
    ['{{ .Group.a }}.{{ .Group.hex }}', '10.fF'],
    ['{{ .Group.missing }}', '<no value>'],
    ['{{ .Question.Qtype }} {{ .Question.Name }}', '28 IP-10.test.'],
    ['{{ $.Name }} {{ ($).Type }}', 'ip-10.test. A'],
    ['{{ .Match }} {{ .Group }}', '[ip-10.test. 10] map[a:10 hex:fF]'],
    ['{{ "a\\tb\\x41\\u00e9\\101" }} {{ `a\\t` }}', 'a\tbAéA a\\t'],
    ["{{ 'a' }} {{ 0x1f }} {{ 017 }} {{ 0b11 }} {{ -5 }}", '97 31 15 3 -5'],
    ['{{ true }} {{ nil | print }}', 'true <no value>'],
    ['a {{- .Type -}} b', 'aAb'],
    ['a {{/* comment }} */}} b', 'a  b'],
    ['a{{- /* comment */ -}} b', 'ab'],
    ['{{ .Meta "x/y" }}', 'meta of x/y'],
    ['{{ "x" | .Meta }}', 'meta of x'],
  ])('%s is %s', (source, text) => {
    expect(fill(source)).toBe(text);
  });
});

describe('functions', () => {
  test.each([
    ['{{ index .Match 1 }}', '10'],
    ['{{ index .Group "a" }}{{ index .Group "missing" }}', '10'],
    ['{{ index .Match 0 | len }}', '11'],
    ['{{ parseInt .Group.hex 16 8 }}', '255'],
    ['{{ parseInt "18446744073709551615" 10 64 }}', '18446744073709551615'],
    ['{{ .Group.a | printf "%s-%s" "x" }}', 'x-10'],
    [
      '{{ printf "%03d %x %X %#x %+d %5s|%-5s|%.2s %q %v %t %%" 7 255 255 255 1 "ab" "ab" "abc" "q" "v" true }}',
      '007 ff FF 0xff +1    ab|ab   |ab "q" v true %',
    ],
    ['{{ printf "%c%c %b %o %x %05d" 65 66 5 8 "ab" -42 }}', 'AB 101 10 6162 -0042'],
    ['{{ print "a" 1 2 "b" }}{{ println .Type 1 }}', 'a1 2bA 1\n'],
    ['{{ slice .Name 3 5 }} {{ slice .Match 1 }}', '10 [10]'],
    [
      '{{ eq .Type "B" "A" }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le "b" "a" }} {{ gt 2 1 }} {{ ge 1 1 }}',
      'true true true false true true',
    ],
    [
      '{{ and .Type .Name }} {{ or .Empty .Name }} {{ not .None }} {{ or .Empty "" }}',
      'ip-10.test. ip-10.test. true ',
    ],
    ['{{ printf "%c" -1 }}', '\ufffd'],
    ['{{ print (len .Match) (parseInt "7" 8 0) }}', '2 7'],
  ])('%s is %s', (source, text) => {
    expect(fill(source)).toBe(text);
  });
});

describe('branches and variables', () => {
  test.each([
    ['{{ if eq .Type "A" }}yes{{ else }}no{{ end }}', 'yes'],
    ['{{ if .Empty }}yes{{ end }}', ''],
    ['{{ if .Empty }}a{{ else if .None }}b{{ else if .Type }}c{{ else }}d{{ end }}', 'c'],
    ['{{ with .Group }}{{ .a }}{{ end }}{{ with .Empty }}x{{ else }}{{ .Type }}{{ end }}', '10A'],
    ['{{ $x := .Type }}{{ if $x }}{{ $x = "B" }}{{ end }}{{ $x }}', 'B'],
    ['{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}', '21'],
    ['{{ if $y := .Type }}{{ $y }}{{ end }}', 'A'],
    ['{{ $g := .Group }}{{ $g.a }}', '10'],
    ['{{ if true }}{{ if false }}a{{ else }}b{{ end }}{{ end }}', 'b'],
  ])('%s is %s', (source, text) => {
    expect(fill(source)).toBe(text);
  });
});

describe('loops', () => {
  test.each([
    ['{{ range .Match }}<{{ . }}>{{ end }}', '<ip-10.test.><10>'],
    ['{{ range $x := .Match }}{{ $x }} {{ $.Type }};{{ end }}', 'ip-10.test. A;10 A;'],
    ['{{ range $i, $x := .Match }}{{ $i }}={{ $x }};{{ end }}', '0=ip-10.test.;1=10;'],
    ['{{ range $name, $text := .Group }}{{ $name }}={{ $text }};{{ end }}', 'a=10;hex=fF;'],
    ['{{ range .Group }}{{ . }};{{ end }}', '10;fF;'],
    ['{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}', '01201'],
    ['{{ range .None }}x{{ else }}none{{ end }}{{ range .Group.missing }}x{{ end }}', 'none'],
    ['{{ range 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}', '012'],
    ['{{ range 4 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}', '023'],
    ['{{ range 2 }}{{ . }}{{ range 9 }}{{ break }}{{ end }}{{ end }}', '01'],
    ['{{ $x := "" }}{{ range $x = .Match }}{{ end }}{{ $x }}', '10'],
    ['{{ $x := 1 }}{{ range $x := .Match }}{{ end }}{{ $x }}', '1'],
    ['{{ range $i, $x := .Match }}{{ $y := $i }}{{ $y }}{{ end }}', '01'],
  ])('%s is %s', (source, text) => {
    expect(fill(source)).toBe(text);
  });
});

describe('named templates', () => {
  test.each([
    ['{{ define "x" }}<{{ .a }}>{{ end }}{{ template "x" .Group }}', '<10>'],
    ['{{ template "x" .Type }}{{ define "x" }}{{ $ }}{{ . }}{{ end }}', 'AA'],
    ['{{ define "x" }}{{ . }}{{ end }}{{ template "x" }}', '<no value>'],
    ['{{ block "x" .Type }}[{{ . }}]{{ end }}{{ template "x" 1 }}', '[A][1]'],
    [
      '{{ define "x" }}a{{ template "y" . }}{{ end }}{{ define "y" }}b{{ end }}{{ template "x" }}',
      'ab',
    ],
    [
      '{{ define "x" }}{{ if gt . 0 }}{{ . }}{{ template "x" 0 }}{{ end }}{{ end }}{{ template "x" 2 }}',
      '2',
    ],
  ])('%s is %s', (source, text) => {
    expect(fill(source)).toBe(text);
  });
});

test.each([
  '{{',
  '{{ }}',
  '{{ .Name',
  '{{ "open }}',
  '{{ if .Type }}',
  '{{ if }}x{{ end }}',
  '{{ end }}',
  '{{ else }}',
  '{{ if true }}a{{ else }}b{{ else }}c{{ end }}',
  '{{ end x }}',
  '{{ range .Match }}',
  '{{ range }}{{ end }}',
  '{{ range $i .Match }}{{ end }}',
  '{{ range $i, $x .Match }}{{ end }}',
  '{{ range $x = .Match }}{{ end }}',
  '{{ range $x := .Match }}{{ end }}{{ $x }}',
  '{{ range .Match }}{{ else range .None }}{{ end }}',
  '{{ break }}',
  '{{ if true }}{{ continue }}{{ end }}',
  '{{ range .Match }}{{ break 1 }}{{ end }}',
  '{{ template "x" }}',
  '{{ template x }}',
  '{{ define "x" }}',
  '{{ define x }}{{ end }}',
  '{{ define "x" }}{{ else }}{{ end }}',
  '{{ define "x" }}{{ end }}{{ define "x" }}{{ end }}',
  '{{ if true }}{{ define "x" }}{{ end }}{{ end }}',
  '{{ $x := 1 }}{{ define "x" }}{{ $x }}{{ end }}',
  '{{ range .Match }}{{ block "x" . }}{{ break }}{{ end }}{{ end }}',
  '{{ block "x" . }}',
  '{{ unknown .Name }}',
  '{{ html .Name }}',
  '{{ $x }}',
  '{{ $x = 1 }}',
  '{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}',
  '{{ (.Name }}',
  '{{ .Name ) }}',
  '{{ .Name | }}',
  '{{ 1.5 }}',
  '{{ .Name ; }}',
  '{{ .Name := 1 }}',
  '{{ if true }}'.repeat(200),
])('%s is not understood', (source) => {
  expect(codeOf(source)).toBe('syntax');
});

test.each([
  '{{ range .Type }}{{ end }}',
  '{{ range .Question }}{{ end }}',
  '{{ range $i, $n := 3 }}{{ end }}',
  '{{ range 1000000000000 }}{{ end }}',
  '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" }}',
  '{{ define "x" }}{{ template "y" }}{{ template "y" }}{{ end }}{{ define "y" }}{{ template "x" }}{{ end }}{{ template "x" }}',
  '{{ define "x" }}{{ .a }}{{ end }}{{ template "x" 1 }}',
  '{{ .Unknown }}',
  '{{ .Name.Field }}',
  '{{ .Name 1 }}',
  '{{ 1 | .Name }}',
  '{{ index .Match 2 }}',
  '{{ index .Match -1 }}',
  '{{ index .Match "1" }}',
  '{{ index .Type "a" }}',
  '{{ index .Question "Name" }}',
  '{{ parseInt "x" 10 64 }}',
  '{{ parseInt "" 10 64 }}',
  '{{ parseInt "-1" 10 64 }}',
  '{{ parseInt "256" 10 8 }}',
  '{{ parseInt "1" 37 8 }}',
  '{{ parseInt "1" 10 65 }}',
  '{{ parseInt "1" 10 }}',
  '{{ parseInt 1 10 64 }}',
  '{{ slice .Type 2 }}',
  '{{ len 1 }}',
  '{{ eq .Type 1 }}',
  '{{ lt .Match .Match }}',
  '{{ lt 1 }}',
  '{{ not }}',
  '{{ printf "%d" }}',
  '{{ printf "%d" "x" }}',
  '{{ printf "%s" 1 }}',
  '{{ printf "x" 1 }}',
  '{{ printf }}',
])('%s cannot be filled in', (source) => {
  expect(codeOf(source)).toBe('execution');
});

test('whatever is written, it is understood and filled in, or refused', () => {
  const word = fc.constantFrom(
    ...'{{ }} .Name .Group .a $x := = | ( ) "t" `r` 1 -1 index printf parseInt if else end with range define template block "x" , break continue 3 eq nil {{- -}} "%d"'.split(
      ' ',
    ),
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 25 }),
      (words) => {
        try {
          fill(words.join(' '));
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      },
    ),
    { seed: 1, numRuns: 3000 },
  );
});
