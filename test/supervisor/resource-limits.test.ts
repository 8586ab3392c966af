import { expect, it } from 'vitest';
import { cpuText, memoryText, readCpu, readMemory } from '../../src/supervisor/resource-limits.ts';

it.each([
  ['512Mi', 536_870_912],
  ['1.5Gi', 1_610_612_736],
  ['2G', 2_000_000_000],
  ['8000k', 8_000_000],
  ['8000K', 8_000_000],
  ['4194304', 4_194_304],
  ['4194303', undefined],
  ['0', undefined],
  ['500m', undefined],
  ['9999999999999999P', undefined],
  ['512 Mi', undefined],
  ['-1', undefined],
  ['lots', undefined],
])('memory of %s', (text, bytes) => {
  expect(readMemory(text)).toBe(bytes);
});

it.each([
  ['500m', 500],
  ['0.5', 500],
  ['2', 2_000],
  ['10m', 10],
  ['9m', undefined],
  ['0', undefined],
  ['2P', undefined],
])('processors of %s', (text, millis) => {
  expect(readCpu(text)).toBe(millis);
});

it.each(['512Mi', '4Gi', '5000', '1536Ki'])('%s is written as it was', (text) => {
  expect(
    memoryText(readMemory(text) ?? Number(text.replace('Ki', '')) * (text.endsWith('Ki') ? 1_024 : 1)),
  ).toBe(text);
});

it('processors are written in thousandths, unless they are whole', () => {
  expect([cpuText(500), cpuText(2_000)]).toEqual(['500m', '2']);
});
