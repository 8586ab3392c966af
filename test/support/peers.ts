/** Gateways of one program that tell each other as if they were several. */
import { type Peers, PeerTopics } from '../../src/peers/peers.ts';

export function connectedPeers(count: number): Peers[] {
  const all = Array.from({ length: count }, () => new PeerTopics());
  return all.map((own) => ({
    onTold: (topic, listener) => own.on(topic, listener),
    async tell(topic, content) {
      const text = JSON.stringify(content);
      return all.map((other) => other !== own && other.tell(topic, JSON.parse(text))).includes(true);
    },
  }));
}
