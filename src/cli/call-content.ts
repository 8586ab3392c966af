/** Results of servers as a person reads them. */
import type { CallResult, ContentBlock } from './call-client.ts';
import { clean } from './failure.ts';

/** The blocks one after the other; what is no text is named with its size. */
export function resultText({ content = [], structuredContent, messages, contents }: CallResult): string {
  const blocks = [
    ...content.map(blockText),
    ...listOf(messages).map((message) => messageText(message as Message)),
    ...listOf(contents).map((part) => resourceText(part as NonNullable<ContentBlock['resource']>)),
  ];
  if (blocks.length > 0) return `${blocks.join('\n')}\n`;
  return structuredContent === undefined ? '' : `${JSON.stringify(structuredContent, null, 2)}\n`;
}

interface Message {
  readonly role: string;
  readonly content: ContentBlock;
}

function messageText({ role, content }: Message): string {
  return `${clean(role)}: ${blockText(content)}`;
}

function blockText(block: ContentBlock): string {
  const { type, text, resource, uri, name, mimeType, data } = block;
  if (type === 'text') return clean(text ?? '');
  if (resource) return resourceText(resource);
  if (uri !== undefined) return `[${clean(name ?? type)} ${clean(uri)}]`;
  return `[${clean(type)}${mimeType === undefined ? '' : ` ${clean(mimeType)}`}, ${bytesOf(data)} bytes; -o json has it]`;
}

function resourceText({ uri, text, blob }: NonNullable<ContentBlock['resource']>): string {
  return text === undefined ? `[${clean(uri)}, ${bytesOf(blob)} bytes; -o json has it]` : clean(text);
}

function bytesOf(base64: string | undefined): number {
  return Buffer.byteLength(base64 ?? '', 'base64');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
