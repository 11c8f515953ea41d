// One board on a cable, as a page sees it through Web Serial; it stands in for the browser's own choice of a port.
//
// Bytes and resets cross to the bench by three functions that the test gives the page: benchHears, benchSays and benchResets. What DTR and
// RTS do to BOOT and RESET is done here, as two transistors do it on a board: RTS alone holds EN low, DTR alone holds GPIO0 low, and EN
// rises a little after it was let go. In the page's own time, so that a slow bench does not change the order of things.
(() => {
  const EN_RISES_ms = 10
  const LISTENS_ms = 5

  const bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
  const textOf = bytes => btoa(String.fromCharCode(...bytes))
  const after = ms => new Promise(done => setTimeout(done, ms))

  class Board extends EventTarget {
    #opened = 0
    #readable = null
    #writable = null
    #reader = null
    #lines = { dataTerminalReady: false, requestToSend: false }
    #inReset = false
    #rising = 0

    getInfo() {
      return {}
    }

    async open() {
      if (this.#writable) throw new DOMException("The port is already open.", "InvalidStateError")
      this.#writable = new WritableStream({ write: async bytes => { await benchHears(textOf(bytes)) } })
      this.#listen(++this.#opened)
    }

    async close() {
      if (this.#readable?.locked || this.#writable?.locked) throw new TypeError("Cannot close a locked port")
      this.#opened++
      this.#readable = this.#writable = this.#reader = null
    }

    // as the specification has it: whoever cancels the stream gets a new one with the next look, as long as the port is open
    get readable() {
      if (this.#writable && !this.#reader) {
        this.#readable = new ReadableStream({
          start: reader => { this.#reader = reader },
          cancel: () => { this.#reader = null },
        })
      }
      return this.#readable
    }

    get writable() {
      return this.#writable
    }

    async setSignals(lines) {
      Object.assign(this.#lines, lines)
      const { dataTerminalReady: dtr, requestToSend: rts } = this.#lines
      if (rts && !dtr) {
        this.#inReset = true
        clearTimeout(this.#rising)
      } else if (this.#inReset) {
        this.#inReset = false
        this.#rising = setTimeout(() => benchResets(this.#lines.dataTerminalReady && !this.#lines.requestToSend), EN_RISES_ms)
      }
    }

    async #listen(opened) {
      while (opened === this.#opened) {
        const said = bytesOf(await benchSays())
        if (said.length && this.#reader) this.#reader.enqueue(said)
        if (!said.length) await after(LISTENS_ms)
      }
    }
  }

  const board = new Board()
  Object.defineProperty(navigator, "serial", { value: { requestPort: async () => board, getPorts: async () => [board] } })
})()
