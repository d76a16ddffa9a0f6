// The WebSocket tap: reconnects by itself, and goes on after the last event that it has.

import { backoff } from "./backoff";
import { time } from "./now";

export type Link = "connecting" | "replaying" | "live" | "lost";

export interface Listener {
  /** Events in order; each comes once. */
  events(raw: readonly unknown[]): void;
  link(state: Link, retryAt: number): void;
  /** The sidecar's history is another than ours: begin anew. */
  restarted(): void;
  /** Asked after a refused connection: may this page still read? */
  refused(): void;
}

interface Message {
  readonly events?: readonly { readonly seq: number }[];
  readonly dropped?: number;
  readonly live?: boolean;
  readonly seq?: number;
}

const PATH = "/api/v1/websocket/observability";
/** Longer than two heartbeats of the server. */
const SILENCE_MS = 40_000;

export class Feed {
  private socket: WebSocket | null = null;
  private attempts = 0;
  private retry = 0;
  private watchdog = 0;
  private stopped = false;

  constructor(private readonly listener: Listener, private last: number) {}

  start(): void {
    this.stopped = false;
    this.listener.link("connecting", 0);
    const base = location.origin.replace(/^http/, "ws");
    const socket = new WebSocket(`${base}${PATH}?after=${this.last}`);
    this.socket = socket;
    socket.onopen = () => this.listener.link("replaying", 0);
    socket.onmessage = (message) => this.take(message.data as string);
    socket.onclose = () => this.again(socket);
    this.watch();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    clearTimeout(this.watchdog);
    this.socket?.close();
  }

  private take(data: string): void {
    this.watch();
    const message = JSON.parse(data) as Message;
    if (message.dropped) return this.socket?.close(); // the gap is read from the store by the next connection
    if (message.events) this.pass(message.events);
    if (message.live) {
      this.attempts = 0;
      if ((message.seq ?? 0) < this.last) return this.listener.restarted();
      this.listener.link("live", 0);
    }
  }

  private pass(events: NonNullable<Message["events"]>): void {
    const news = events.filter((event) => event.seq > this.last);
    this.last = news.at(-1)?.seq ?? this.last;
    if (news.length > 0) this.listener.events(news);
  }

  private again(socket: WebSocket): void {
    if (this.stopped || socket !== this.socket) return;
    clearTimeout(this.watchdog);
    const wait = backoff(this.attempts++);
    this.listener.link("lost", time() + wait);
    if (this.attempts % 3 === 1) this.listener.refused();
    this.retry = window.setTimeout(() => this.start(), wait);
  }

  private watch(): void {
    clearTimeout(this.watchdog);
    this.watchdog = window.setTimeout(() => this.socket?.close(), SILENCE_MS);
  }
}
