/*! haul.js: downloads of this page, carried out by haul on the visitor's own machine.
 *
 *  const manager = await Haul.connect();
 *  const collection = await manager.createDownloadCollection("Songs");
 *  const item = await collection.startDownload("song.flac", "background", { Title: "Song" });
 *  item.addEventListener("progress", () => console.log(item.progress, item.size));
 *
 *  It needs nothing else and may be copied. Types are in haul.d.ts.
 */
(function (root) {
  "use strict";

  const PORT = 4285;
  const PROTOCOL = 1;
  const SHOWN_OUT = 4403;
  const FIRST_WAIT_MS = 500;
  const LONGEST_WAIT_MS = 10000;
  const NUMBERS = { paused: 1, verifying: 2, processing: 2, completed: 3, failed: 4, cancelled: 4, removed: 4 };
  const MODES = { background: "background", "real time": "real-time", "real-time": "real-time" };

  // A script knows where it was loaded from only while it runs for the first time.
  const source = root.document && root.document.currentScript ? root.document.currentScript.src : "";

  /** Why something could not be done: `code` for programs, `message` for people, `hint` for what to do. */
  class HaulError extends Error {
    constructor(code, message, hint) {
      super(message);
      this.name = "HaulError";
      this.code = code;
      this.hint = hint || "";
    }
  }

  /** Something happened to `item`, in `collection`. */
  class HaulEvent extends Event {
    constructor(type, of) {
      super(type);
      this.item = of.item || null;
      this.collection = of.collection || null;
      this.error = of.error || null;
    }
  }

  /** One download. */
  class DownloadItem extends EventTarget {
    #manager;
    #row;
    #isRemoved = false;

    constructor(manager, row) {
      super();
      this.#manager = manager;
      this.#row = row;
    }

    get id() { return this.#row.id; }

    get sourceURL() { return this.#row.source_url; }

    get name() { return this.#row.name; }

    /** Size in bytes; null while it is not known. */
    get size() { return this.#row.size === undefined ? null : this.#row.size; }

    /** Bytes that are here. */
    get progress() { return this.#row.covered; }

    /** Bytes a second. */
    get speed() { return this.#row.speed || 0; }

    get type() { return this.#row.mode === "real-time" ? "real time" : "background"; }

    /** 0 downloading, 1 paused, 2 processing, 3 completed, 4 cancelled (or failed: see `error`). */
    get downloadState() { return NUMBERS[this.state] || 0; }

    /** queued, connecting, downloading, verifying, processing, completed, paused, waiting, failed, cancelled or removed. */
    get state() { return this.#isRemoved ? "removed" : this.#row.state.is; }

    /** Why it failed; null where it has not. */
    get error() {
      const { is, kind, text } = this.#row.state;
      return is === "failed" ? new HaulError(kind, text) : null;
    }

    get collection() { return this.#manager.getDownloadCollection(this.#row.collection); }

    /** Title, Album, AlbumArtist and so on, as they were given; an empty text where nothing was. */
    getItemInfo(name) {
      const info = this.#row.info || {};
      return Object.hasOwn(info, name) ? info[name] : "";
    }

    pause() {
      return this.#act({ do: "pause" });
    }

    resume() {
      return this.#act({ do: "resume" });
    }

    cancel() {
      return this.#act({ do: "cancel" });
    }

    /** Tries a failed or cancelled one again. */
    retry() {
      return this.#act({ do: "retry" });
    }

    /** Takes it out of its collection; a finished file stays. */
    remove() {
      return this.#act({ do: "remove" });
    }

    /** Switches between "background" and "real time", and keeps the bytes. */
    setType(type) {
      return this.#act({ do: "set_mode", mode: modeOf(type) });
    }

    async #act(act) {
      const acted = await this.#manager._request("act", { select: { ids: [this.id] }, act });
      const refused = acted.data.map((one) => one.refused).find((one) => one);
      if (refused) {
        throw new HaulError(refused.kind, refused.text, refused.hint);
      }
    }

    _isIn(collection) {
      return !this.#isRemoved && this.#row.collection === collection;
    }

    _take(row) {
      const before = this.#row;
      const was = this.state;
      this.#row = row;
      this.#isRemoved = false;
      if (before.covered !== row.covered || before.size !== row.size) {
        this.#manager._tell("progress", this);
      }
      if (was === this.state && before.mode === row.mode && before.name === row.name) {
        return;
      }
      this.#manager._tell("change", this);
      if (was !== this.state) {
        this._tellEnd();
      }
    }

    _tellEnd() {
      if (this.state === "completed") {
        this.#manager._tell("complete", this);
      } else if (this.state === "failed") {
        this.#manager._tell("error", this, this.error);
      }
    }

    _remove() {
      this.#isRemoved = true;
      this.#manager._tell("change", this);
    }
  }

  /** Downloads that belong together. */
  class DownloadCollection extends EventTarget {
    #manager;
    #row;

    constructor(manager, row) {
      super();
      this.#manager = manager;
      this.#row = row;
    }

    get id() { return this.#row.id; }

    get name() { return this.#row.name; }

    /** How many downloads are in it. */
    get count() { return this.#items().length; }

    /** The download at an index, from 0 on; null where there is none. */
    item(index) {
      return this.#items()[index] || null;
    }

    [Symbol.iterator]() {
      return this.#items()[Symbol.iterator]();
    }

    /** Starts a download; relative URLs are those of the page. The same one again is the one that is there. */
    async startDownload(url, type, info) {
      const base = root.document ? root.document.baseURI : undefined;
      const named = Object.entries(info || {}).map(([name, value]) => [name, String(value)]);
      const download = {
        url: new URL(url, base).href,
        mode: modeOf(type === undefined ? "background" : type),
        collection: this.id,
        extras: { info: Object.fromEntries(named) },
      };
      const added = await this.#manager._request("add", { downloads: [download], settings: [] });
      return this.#manager._find(added.data[0].id);
    }

    /** Takes the download at an index out, cancelled first where it runs. */
    async removeItem(index) {
      const item = this.item(index);
      if (!item) {
        throw new HaulError("not_found", `there is no download at ${index}`);
      }
      await item.remove();
    }

    /** Takes all downloads out, cancelled first where they run. */
    async clear() {
      const ids = this.#items().map((item) => item.id);
      if (ids.length > 0) {
        await this.#manager._request("act", { select: { ids }, act: { do: "remove" } });
      }
    }

    /** Removes the collection with its downloads; finished files stay. */
    async remove() {
      await this.#manager._request("remove_collection", { id: this.id, with_downloads: true });
    }

    #items() {
      return this.#manager._itemsOf(this.id);
    }

    _take(row) {
      const isOther = this.#row.name !== row.name;
      this.#row = row;
      return isOther;
    }
  }

  /** The downloads of this origin, as haul has them. */
  class DownloadManager extends EventTarget {
    #url;
    #options;
    #key = randomKey();
    #socket = null;
    #isClosed = false;
    #wait = FIRST_WAIT_MS;
    #lastId = 0;
    #awaited = new Map();
    #subscription = null;
    #items = new Map();
    #collections = new Map();
    #again = null;
    #sought = new Map();
    #listed = null;

    constructor(url, options) {
      super();
      this.#url = url;
      this.#options = options;
    }

    /** Whether haul can be reached just now; a lost connection is made again by itself. */
    get connected() { return this.#subscription !== null; }

    /** All collections of this origin. */
    get collections() { return [...this.#collections.values()]; }

    /** Makes a collection. */
    async createDownloadCollection(name) {
      const made = await this._request("create_collection", name === undefined ? {} : { name: String(name) });
      return this.#takeCollection(made.data[0]);
    }

    /** The collection of a number; null where this origin has none. */
    getDownloadCollection(id) {
      return this.#collections.get(Number(id)) || null;
    }

    /** Leaves for good: real-time downloads of this page end, background ones go on. */
    async close() {
      this.#isClosed = true;
      if (this.#socket && this.connected) {
        await this._request("goodbye").catch(() => {});
      }
      if (this.#socket) {
        this.#socket.close(1000);
      }
    }

    async _connect() {
      await this.#open();
      return this;
    }

    _request(method, params) {
      return new Promise((resolve, reject) => {
        if (!this.#socket || this.#socket.readyState !== WebSocket.OPEN) {
          reject(new HaulError("disconnected", "haul can't be reached just now"));
          return;
        }
        const id = ++this.#lastId;
        this.#awaited.set(id, { resolve, reject });
        this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params: params || {} }));
      });
    }

    _find(id) {
      const item = this.#items.get(id);
      if (item) {
        return Promise.resolve(item);
      }
      return new Promise((resolve, reject) => this.#sought.set(id, { resolve, reject }));
    }

    _itemsOf(collection) {
      return [...this.#items.values()].filter((item) => item._isIn(collection));
    }

    _tell(type, item, error) {
      const collection = item.collection;
      for (const target of [item, collection, this]) {
        if (target) {
          target.dispatchEvent(new HaulEvent(type, { item, collection, error }));
        }
      }
    }

    async #open() {
      const socket = await this.#dial();
      this.#socket = socket;
      socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
      socket.onclose = (event) => this.#lost(event);
      try {
        await this.#ask();
        await this._request("hello", { name: "haul.js", version: "1", protocol: PROTOCOL, key: this.#key });
        this.#again = new Set();
        const listed = new Promise((resolve, reject) => (this.#listed = { resolve, reject }));
        this.#subscription = (await this._request("subscribe")).subscription;
        await listed;
      } catch (error) {
        socket.onclose = null;
        socket.close(1000);
        this.#drop(error);
        throw error;
      }
      this.#wait = FIRST_WAIT_MS;
    }

    #dial() {
      return new Promise((resolve, reject) => {
        let socket;
        try {
          socket = new WebSocket(this.#url);
        } catch (error) {
          reject(new HaulError("unreachable", error.message));
          return;
        }
        socket.onopen = () => resolve(socket);
        socket.onerror = () => explain().then(reject);
      });
    }

    async #ask() {
      const asking = setTimeout(() => {
        if (this.#options.onasking) {
          this.#options.onasking();
        }
      }, 300);
      try {
        const { granted } = await this._request("door.ask");
        if (!granted) {
          throw new HaulError("denied", "the person at this machine does not let this page add downloads to haul");
        }
      } finally {
        clearTimeout(asking);
      }
    }

    #hear(message) {
      if (message.id !== undefined && message.id !== null) {
        const awaited = this.#awaited.get(message.id);
        this.#awaited.delete(message.id);
        if (!awaited) {
          return;
        }
        if (message.error) {
          const data = message.error.data || {};
          awaited.reject(new HaulError(data.kind || "error", message.error.message, data.hint));
        } else {
          awaited.resolve(message.result);
        }
      } else if (message.method === "update") {
        this.#update(message.params.update);
      }
    }

    #update(update) {
      if (update.collections) {
        const gone = new Set(this.#collections.keys());
        for (const row of update.collections) {
          gone.delete(row.id);
          this.#takeCollection(row);
        }
        for (const id of gone) {
          this.#collections.delete(id);
          this.dispatchEvent(new HaulEvent("change", {}));
        }
      }
      for (const row of update.rows || []) {
        if (this.#again) {
          this.#again.add(row.id);
        }
        const known = this.#items.get(row.id);
        if (known) {
          known._take(row);
          continue;
        }
        const item = new DownloadItem(this, row);
        this.#items.set(row.id, item);
        const sought = this.#sought.get(row.id);
        if (sought) {
          this.#sought.delete(row.id);
          sought.resolve(item);
        }
        this._tell("change", item);
        if (!this.#again && ["completed", "failed"].includes(item.state)) {
          // So short was its life; whoever started it has a moment to listen.
          setTimeout(() => item._tellEnd());
        }
      }
      for (const id of update.removed || []) {
        this.#forget(id);
      }
      if (!update.more && this.#again) {
        // What does not come again after a lost connection is gone.
        const gone = [...this.#items.keys()].filter((id) => !this.#again.has(id));
        this.#again = null;
        gone.forEach((id) => this.#forget(id));
        if (this.#listed) {
          this.#listed.resolve();
          this.#listed = null;
        }
      }
    }

    #takeCollection(row) {
      const known = this.#collections.get(row.id);
      const collection = known || new DownloadCollection(this, row);
      this.#collections.set(row.id, collection);
      if (!known || known._take(row)) {
        for (const target of [collection, this]) {
          target.dispatchEvent(new HaulEvent("change", { collection }));
        }
      }
      return collection;
    }

    #forget(id) {
      const item = this.#items.get(id);
      if (item) {
        item._remove();
        this.#items.delete(id);
      }
    }

    #drop(error) {
      this.#socket = null;
      this.#subscription = null;
      for (const { reject } of [...this.#awaited.values(), ...this.#sought.values()]) {
        reject(error);
      }
      this.#awaited.clear();
      this.#sought.clear();
      if (this.#listed) {
        this.#listed.reject(error);
        this.#listed = null;
      }
    }

    #lost(event) {
      const wasConnected = this.connected;
      const isShownOut = event.code === SHOWN_OUT;
      const error = isShownOut
        ? new HaulError("denied", "this page is no longer let in")
        : new HaulError("disconnected", "the connection to haul was lost");
      this.#drop(error);
      if (!wasConnected) {
        return;
      }
      this.dispatchEvent(new HaulEvent("disconnect", { error }));
      if (!this.#isClosed && !isShownOut) {
        this.#seek();
      }
    }

    /** Makes a lost connection again, after a little longer each time. */
    #seek() {
      const wait = this.#wait;
      this.#wait = Math.min(2 * wait, LONGEST_WAIT_MS);
      setTimeout(async () => {
        if (this.#isClosed) {
          return;
        }
        try {
          await this.#open();
          this.dispatchEvent(new HaulEvent("connect", {}));
        } catch (error) {
          if (error.code === "denied") {
            this.dispatchEvent(new HaulEvent("error", { error }));
          } else {
            this.#seek();
          }
        }
      }, wait);
    }
  }

  function modeOf(type) {
    if (!Object.hasOwn(MODES, type)) {
      throw new HaulError("bad_request", `a download is "background" or "real time", not "${type}"`);
    }
    return MODES[type];
  }

  function randomKey() {
    const bytes = root.crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** Whether the browser keeps this page from programs on this computer: "granted", "prompt", "denied" or unknown. */
  async function permission() {
    for (const name of ["loopback-network", "local-network-access"]) {
      try {
        return (await root.navigator.permissions.query({ name })).state;
      } catch {
        // A browser that has no such question.
      }
    }
    return "unknown";
  }

  /** Says why haul could not be reached, as far as a page can know. */
  async function explain() {
    const state = await permission();
    const start = "If haul is not running, start it with its door open: haul agent run --door";
    if (root.isSecureContext === false) {
      return new HaulError(
        "insecure",
        "haul can't be reached: browsers let only pages that came by https speak to programs on this computer",
        "Serve the page by https.",
      );
    }
    if (state === "denied") {
      return new HaulError(
        "blocked",
        "haul can't be reached: this browser was told not to let this page speak to programs on this computer",
        "Allow it in the settings of this site, under local network access or apps on device, and load the page again.",
      );
    }
    if (state === "prompt") {
      return new HaulError(
        "unreachable",
        "haul can't be reached: the browser asks whether this page may speak to programs on this computer, and had no yes",
        `Say yes when it asks; that is where haul runs. ${start}`,
      );
    }
    return new HaulError("unreachable", "haul can't be reached on this computer", start);
  }

  function place(options) {
    let port = PORT;
    try {
      const from = new URL(source);
      if (["127.0.0.1", "localhost", "[::1]"].includes(from.hostname) && from.pathname === "/haul.js") {
        port = Number(from.port) || PORT;
      }
    } catch {
      // It was copied into something else.
    }
    return `ws://127.0.0.1:${options.port || port}/rpc`;
  }

  /** Where everything begins. */
  const Haul = {
    /**
     * Connects to haul on this machine. The first time, somebody there is asked whether this page may; `onasking` is called
     * when that takes a moment.
     */
    async connect(options) {
      const given = options || {};
      return new DownloadManager(place(given), given)._connect();
    },
    HaulError,
    HaulEvent,
    DownloadManager,
    DownloadCollection,
    DownloadItem,
  };

  root.Haul = Haul;
})(globalThis);
