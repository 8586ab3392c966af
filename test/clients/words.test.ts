import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitWords } from '../../src/clients/words.ts';

describe('a command in one line', () => {
  it.each([
    ['npx -y pkg /tmp', ['npx', '-y', 'pkg', '/tmp']],
    ['  a   b\tc ', ['a', 'b', 'c']],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [`a b\\ c`, ['a', 'b c']],
    [`--x='y z'w`, ['--x=y zw']],
    [`a "" ''`, ['a', '', '']],
    [`"a\\"b\\\\c\\d"`, ['a"b\\c\\d']],
    ['a $HOME ~ *.js', ['a', '$HOME', '~', '*.js']],
    [`'a|b' "c;d" e\\|f`, ['a|b', 'c;d', 'e|f']],
    ['', []],
  ])('%j is %j', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  it.each([
    ['a && b', '&&'],
    ['a || b', '||'],
    ['a | b', '| (a pipe)'],
    ['a &', '& (in the background)'],
    ['a; b', ';'],
    ['a > f', '> (into a file)'],
    ['a < f', '< (from a file)'],
    ['a `b`', '` (the output'],
    ['a $(b)', '$(…)'],
    ['a "$(b)"', '$(…)'],
    ['a "`b`"', '` (the output'],
    ['(a)', '( ) (a subshell)'],
    ['a\nb', 'a line break'],
    ["a 'b", "a ' without its end"],
    ['a "b', 'a " without its end'],
    ['a \\', 'ends with a backslash'],
  ])('refuses %j by name', (line, named) => {
    expect(() => splitWords(line)).toThrow(named);
  });

  it('means what a shell means, for whatever words are quoted', () => {
    const word = fc.string({
      unit: fc.constantFrom(...`ab '"\\$|&;<>()*?~#\`=-`),
      minLength: 1,
      maxLength: 8,
    });
    const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        expect(splitWords(words.map(quote).join(' '))).toEqual(words);
      }),
    );
    const line = `'a b' "c \\" d" e\\ f g\\'h "i'j" 'k"l'`;
    const asShell = execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' }).trimEnd();
    expect(splitWords(line)).toEqual(asShell.split('\n'));
  });
});
