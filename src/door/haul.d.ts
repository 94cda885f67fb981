// Types of haul.js: downloads of a page, carried out by haul on the visitor's own machine.

/** "real time": front first, at full speed, and it ends with the page. "background": steps aside, and goes on without it. */
export type DownloadType = "background" | "real time";

/** A download's state, as finely as haul has it. */
export type DownloadStateName =
  | "queued"
  | "connecting"
  | "downloading"
  | "verifying"
  | "processing"
  | "completed"
  | "paused"
  | "waiting"
  | "failed"
  | "cancelled"
  | "removed";

/** 0 downloading, 1 paused, 2 processing, 3 completed, 4 cancelled (or failed). */
export type DownloadState = 0 | 1 | 2 | 3 | 4;

export interface ConnectOptions {
  /** The door's port; the one that haul.js was loaded from, or 4285. */
  port?: number;
  /** Called when somebody is being asked whether this page may add downloads. */
  onasking?: () => void;
}

/** Why something could not be done. */
export class HaulError extends Error {
  /**
   * For programs: "unreachable", "blocked" and "insecure" where the browser or the machine has no way to haul, "denied" where
   * somebody does not want it, "disconnected" while the connection is lost, or the kind of haul's own refusal.
   */
  readonly code: string;
  /** What to do; may be empty. */
  readonly hint: string;
}

export class HaulEvent extends Event {
  readonly item: DownloadItem | null;
  readonly collection: DownloadCollection | null;
  readonly error: HaulError | null;
}

/** Events of an item, of its collection and of the manager: each is told to all three. */
export interface DownloadEvents {
  /** State, type or name is another one; or a download or collection came or went. */
  change: HaulEvent;
  /** More bytes are here, or the size is known. */
  progress: HaulEvent;
  /** The file is whole and has its name. */
  complete: HaulEvent;
  /** It failed. */
  error: HaulEvent;
}

export interface ManagerEvents extends DownloadEvents {
  /** The connection is lost; it is sought again, unless the error's code is "denied". */
  disconnect: HaulEvent;
  /** The connection is there again. */
  connect: HaulEvent;
}

declare class Target<Events> extends EventTarget {
  addEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: (event: Events[Type]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

export class DownloadItem extends Target<DownloadEvents> {
  readonly id: number;
  readonly sourceURL: string;
  readonly name: string;
  /** Bytes; null while it is not known. */
  readonly size: number | null;
  /** Bytes that are here. */
  readonly progress: number;
  /** Bytes a second. */
  readonly speed: number;
  readonly type: DownloadType;
  readonly downloadState: DownloadState;
  readonly state: DownloadStateName;
  readonly error: HaulError | null;
  readonly collection: DownloadCollection | null;
  /** Title, Album, AlbumArtist and so on, as they were given; an empty text where nothing was. */
  getItemInfo(name: string): string;
  /** A real-time download can't pause. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  cancel(): Promise<void>;
  retry(): Promise<void>;
  remove(): Promise<void>;
  setType(type: DownloadType): Promise<void>;
}

export class DownloadCollection extends Target<DownloadEvents> implements Iterable<DownloadItem> {
  readonly id: number;
  readonly name: string;
  readonly count: number;
  item(index: number): DownloadItem | null;
  [Symbol.iterator](): Iterator<DownloadItem>;
  /** Starts a download. The same one again is the one that is there. */
  startDownload(
    url: string | URL,
    type?: DownloadType,
    info?: Record<string, string | number>,
  ): Promise<DownloadItem>;
  removeItem(index: number): Promise<void>;
  clear(): Promise<void>;
  remove(): Promise<void>;
}

export class DownloadManager extends Target<ManagerEvents> {
  readonly connected: boolean;
  readonly collections: DownloadCollection[];
  createDownloadCollection(name?: string): Promise<DownloadCollection>;
  getDownloadCollection(id: number): DownloadCollection | null;
  /** Leaves for good: real-time downloads of this page end, background ones go on. */
  close(): Promise<void>;
}

export interface HaulStatic {
  connect(options?: ConnectOptions): Promise<DownloadManager>;
  readonly HaulError: typeof HaulError;
  readonly HaulEvent: typeof HaulEvent;
  readonly DownloadManager: typeof DownloadManager;
  readonly DownloadCollection: typeof DownloadCollection;
  readonly DownloadItem: typeof DownloadItem;
}

export const Haul: HaulStatic;
export default Haul;

declare global {
  // For who includes haul.js as a script.
  var Haul: HaulStatic;
}
