// The stage: one question, the router and its experts, and a token that travels between them. Words and figures come
// from Python (stage_data.py); whatever is shown is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const MOVE_MS = 650, HOLD_MS = 500, WAIT_MS = 1500, GUESS_MS = 6000, FOLLOW_MS = 500;
const NARROW = 760, LEAST_HEIGHT = 440, MOST_HEIGHT = 1200, BESIDE_ROWS = 235, ROW = 52, FOOT = 14; // pixels
const MARKS = ["M2 2H18V18H2Z", "M10 1a9 9 0 1 0 .01 0Z", "M10 1 19 18H1Z", "M10 0 20 10 10 20 0 10Z", "M7 1H13V7H19V13H13V19H7V13H1V7H7Z"];
const OCTAGON = "M6 1H14L19 6V14L14 19H6L1 14V6Z";
const BUSY_PLACES = "input,textarea,select,a,summary,[contenteditable],[role=radio],[role=slider],[role=combobox],[role=option],[role=tab],[role=spinbutton],[role=menuitem]";
const stages = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  let stage = stages.get(parentElement);
  if (!stage) stages.set(parentElement, (stage = new Stage(parentElement.querySelector(".stage"))));
  stage.take(data);
  return () => {
    stage.leave();
    stages.delete(parentElement);
  };
}

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made[name] = value;
    else if (value !== null && value !== "") made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function draw(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const markOf = (place, count) => (place === count - 1 ? OCTAGON : MARKS[place % MARKS.length]);
const percent = (share) => `${Math.round(100 * share)} %`;
const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

class Stage {
  constructor(root) {
    this.root = root;
    this.votes = new Map();
    this.isGuessing = false;
    this.onKey = (event) => this.key(event);
    this.onResize = () => this.fit();
    document.addEventListener("keydown", this.onKey);
    window.addEventListener("resize", this.onResize);
    this.watcher = new ResizeObserver(() => this.fit());
  }

  leave() {
    this.halt();
    this.watcher.disconnect();
    document.removeEventListener("keydown", this.onKey);
    window.removeEventListener("resize", this.onResize);
  }

  // New data: another route begins at its start, the same one goes on with what has arrived.
  take(data) {
    const before = this.data;
    const same = before && before.id === data.id;
    if (same && JSON.stringify(before) === JSON.stringify(data)) return this.fit();
    this.data = data;
    if (!same) {
      this.halt();
      Object.assign(this, { at: 0, isAway: false, isPlaying: false, isFollowing: data.live, opened: false });
      if (data.live && this.hasEnded()) this.at = this.length();
      this.isPlaying = Boolean(data.plays) && !isCalm();
    }
    const shape = JSON.stringify([data.id, data.passage, data.panes.map((pane) => [pane.router, pane.nodes])]);
    if (shape !== this.shape) this.build();
    this.shape = shape;
    if (same && this.isAway && this.wasLeft(before)) Object.assign(this, { isAway: false, isMoving: false, turn: this.turn + 1 });
    this.at = Math.min(this.at, this.length());
    this.paint();
    this.fit();
    if (!same) this.say(data.question);
    if (this.isAway && !this.isMoving && !this.isWaiting()) this.comeBack(++this.turn);
    else this.goOn();
  }

  // Whether the call that the token waits for is no longer waited for: the route goes on with somebody else.
  wasLeft(before) {
    const choices = (data) => JSON.stringify(data.panes.map((pane) => pane.moves[this.at]?.choice));
    return choices(before) !== choices(this.data);
  }

  // --- where the route stands ---

  length() {
    return Math.max(...this.data.panes.map((pane) => pane.moves.length));
  }
  hasEnded() {
    return this.data.panes.every((pane) => pane.verdict);
  }
  isAtEnd() {
    return this.hasEnded() && this.at >= this.length();
  }
  acting() {
    return this.panes.filter((pane) => this.at < pane.told.moves.length);
  }
  isWaiting() {
    return this.acting().some((pane) => pane.told.moves[this.at].kind === "waiting");
  }

  // --- moving ---

  halt() {
    clearTimeout(this.timer);
    this.turn = (this.turn || 0) + 1;
    this.isMoving = false;
    for (const pane of this.panes || []) pane.token.getAnimations().forEach((one) => one.cancel());
  }

  async forward() {
    if (this.isMoving) return this.hurry();
    if (this.isAway || this.at >= this.length()) return;
    clearTimeout(this.timer);
    const turn = ++this.turn;
    this.isMoving = true;
    this.count();
    this.paint();
    this.say(this.acting().map((pane) => this.departure(pane)).join(" "));
    await this.travel(false);
    if (turn !== this.turn) return;
    this.isAway = true;
    this.isMoving = false;
    this.paint();
    if (this.isWaiting()) return; // the reply brings it back
    await this.comeBack(turn);
  }

  async comeBack(turn) {
    this.isMoving = true;
    this.paint();
    if (!isCalm()) await this.rest(HOLD_MS);
    if (turn !== this.turn) return;
    await this.travel(true);
    if (turn !== this.turn) return;
    this.arrive();
  }

  hurry() {
    if (this.isWaiting()) return;
    this.halt();
    this.arrive();
  }

  arrive() {
    Object.assign(this, { isMoving: false, isAway: false, at: this.at + 1 });
    if (this.isAtEnd()) this.isPlaying = false;
    this.paint();
    this.say(this.arrival());
    this.goOn();
  }

  back() {
    const wasOut = this.isMoving || this.isAway;
    this.go(wasOut ? this.at : Math.max(0, this.at - 1));
  }

  go(at) {
    this.halt();
    Object.assign(this, { at, isAway: false, isPlaying: false, isFollowing: false });
    this.paint();
    this.say(this.arrival());
  }

  toggle() {
    if (this.isPlaying || (this.data.live && this.isFollowing && !this.isAtEnd())) {
      Object.assign(this, { isPlaying: false, isFollowing: false });
      clearTimeout(this.timer);
    } else {
      if (this.isAtEnd()) this.go(0);
      Object.assign(this, { isPlaying: true, isFollowing: this.data.live });
      if (!this.isMoving && !this.isAway) this.timer = setTimeout(() => this.forward(), 250);
    }
    this.paint();
  }

  goOn() {
    clearTimeout(this.timer);
    if (this.isMoving || this.isAway || this.at >= this.length()) return;
    if (this.isPlaying || this.isFollowing) this.timer = setTimeout(() => this.forward(), this.pause());
  }

  pause() {
    if (this.isGuessing) return GUESS_MS;
    return this.isFollowing && !this.hasEnded() ? FOLLOW_MS : WAIT_MS;
  }

  rest(ms) {
    return new Promise((done) => (this.timer = setTimeout(done, ms)));
  }

  // The tokens of all panes on their way, out or back; a token that has reached the end stays there.
  travel(isBack) {
    if (isCalm()) return Promise.resolve();
    return Promise.all(this.acting().map((pane) => {
      const choice = pane.told.moves[this.at].choice;
      if (isBack && choice === pane.nodes.length - 1) return null;
      const wire = pane.nodes[choice].wire;
      const length = wire.getTotalLength();
      const frames = Array.from({ length: 25 }, (_, i) => place(wire.getPointAtLength(length * (isBack ? 1 - i / 24 : i / 24))));
      const way = pane.token.animate(frames, { duration: MOVE_MS, easing: "cubic-bezier(.45,.05,.25,1)", fill: "forwards" });
      return way.finished.then(() => way.cancel(), () => {});
    }));
  }

  // --- guessing ---

  vote(place) {
    if (this.isMoving || this.isAway || this.at >= this.length() || place >= this.panes[0].nodes.length) return;
    const known = this.votes.get(this.ballot());
    if (known && known.counted) return;
    if (!this.isGuessing && !known) return this.guess(true); // the probabilities were in view: the first key only hides them
    this.votes.set(this.ballot(), { place });
    this.say(`Vote: ${this.panes[0].told.nodes[place].name}.`);
    this.paint();
  }

  guess(isOn) {
    this.isGuessing = isOn;
    this.say(isOn ? "Whom would you ask? The probabilities are hidden until the token moves." : "The probabilities are shown.");
    this.paint();
  }

  ballot() {
    return `${this.data.id}:${this.at}`;
  }

  count() {
    const vote = this.votes.get(this.ballot());
    const move = this.panes[0].told.moves[this.at];
    if (!vote || vote.counted || !move) return;
    Object.assign(vote, { counted: true, hit: move.choice === vote.place, good: move.good[vote.place], itsGood: move.good[move.choice] });
  }

  score() {
    const counted = [...this.votes.values()].filter((vote) => vote.counted);
    if (counted.length) {
      const router = this.data.panes[0].router;
      const times = (what) => counted.filter((vote) => vote[what]).length;
      const known = counted.every((vote) => vote.good !== undefined && vote.itsGood !== undefined);
      const right = known ? `. Right after it: you ${times("good")}, ${router} ${times("itsGood")}` : "";
      return `You chose as ${router} did ${times("hit")} of ${counted.length} times${right}`;
    }
    return this.isGuessing ? `Whom would you ask? Keys 1 to ${this.panes[0].nodes.length}` : "";
  }

  // --- words for screen readers ---

  say(words) {
    if (this.live) this.live.textContent = words;
  }

  departure(pane) {
    const move = pane.told.moves[this.at];
    const node = pane.told.nodes[move.choice];
    return move.kind === "end" ? `${pane.told.router} ends the route.` : `${pane.told.router} asks ${node.name}.`;
  }

  arrival() {
    return this.panes.map((pane) => {
      const { moves, nodes, verdict } = pane.told;
      const last = moves[Math.min(this.at, moves.length) - 1];
      if (verdict && this.at >= moves.length) return `${pane.told.router}: ${verdict.words}. ${verdict.spent}. ${verdict.single}.`;
      return last ? `${nodes[last.choice].name}: ${last.chip}.` : this.data.question;
    }).join(" ");
  }

  // --- keys ---

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const path = event.composedPath();
    const target = path[0];
    const isOurs = path.includes(this.root);
    if (!isOurs && target.closest?.(`${BUSY_PLACES},button`)) return;
    const box = this.root.getBoundingClientRect();
    if (box.bottom < 160 || box.top > innerHeight - 160) return; // scrolled away: the keys scroll
    if (event.key === "ArrowRight") this.forward();
    else if (event.key === "ArrowLeft") this.back();
    else if (event.key === " " && target.tagName !== "BUTTON") this.toggle();
    else if (/^[1-9]$/.test(event.key)) this.vote(Number(event.key) - 1);
    else return;
    event.preventDefault();
  }

  // --- building: once a route ---

  build() {
    const { question, passage, panes } = this.data;
    this.panes = panes.map((pane) => this.buildPane(pane));
    this.live = make("p", { class: "unseen", "aria-live": "polite" });
    this.passage = make("p", { class: "passage folded" }, passage);
    this.whole = this.button("whole passage", () => this.unfold(), { class: "link", "aria-expanded": "false" });
    this.stand = make("div", { class: panes.length > 1 ? "panes two" : "panes" }, ...this.panes.map((pane) => pane.box));
    this.story = make("p", { class: "story" });
    const head = make("div", { class: "head" }, this.story, make("h2", {}, question));
    if (passage) head.append(make("div", { class: "about" }, this.passage, this.whole));
    this.root.replaceChildren(head, this.stand, this.buildControls(), this.live);
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "The route on the stage");
    this.watcher.disconnect();
    this.watcher.observe(this.root);
  }

  button(words, onclick, attributes = {}) {
    return make("button", { type: "button", onclick, ...attributes }, words);
  }

  buildControls() {
    this.backButton = this.button("◀", () => this.back(), { "aria-label": "Step back", "aria-keyshortcuts": "ArrowLeft", title: "Step back (←)" });
    this.playButton = this.button("Play", () => this.toggle(), { class: "play", "aria-keyshortcuts": "Space", title: "Play or pause (Space)" });
    this.nextButton = this.button("▶", () => this.forward(), { "aria-label": "Step forward", "aria-keyshortcuts": "ArrowRight", title: "Step forward (→)" });
    this.dots = make("ol", { class: "dots", "aria-label": "Steps" });
    this.note = make("p", { class: "note", role: "status" });
    this.told = make("span", { class: "score" });
    this.guessButton = this.button("Guess first", () => this.guess(!this.isGuessing), { title: "Whom would you ask? Hides the probabilities until the token moves" });
    this.linkButton = this.button("Copy link", () => this.copyLink());
    this.cardButton = this.button("Picture", () => this.saveCard(), { title: "Save this route as a picture (PNG)" });
    const share = make("span", { class: "share" }, this.guessButton, this.linkButton, this.cardButton);
    const controls = make("div", { class: "controls" }, this.backButton, this.playButton, this.nextButton, this.dots, this.note);
    return make("div", { class: "foot" }, this.told, share, controls);
  }

  buildPane(told) {
    const wires = draw("svg", { class: "wires", "aria-hidden": "true" });
    const doing = make("span", { class: "soft" });
    const router = make("div", { class: "router" }, make("b", {}, told.router), doing);
    const nodes = told.nodes.map((node, place) => this.buildNode(node, place, told.nodes.length));
    wires.append(...nodes.map((node) => node.wire));
    const list = make("ol", { class: "nodes", "aria-label": "Whom it can choose" }, ...nodes.map((node) => node.box));
    const token = make("div", { class: "token", "aria-hidden": "true" });
    const programs = make("div", { class: "programs", role: "group", "aria-label": "Programs" });
    const band = make("div", { class: "band" });
    const box = make("section", { class: nodes.length > 4 ? "pane dense" : "pane", "aria-label": told.router }, wires, router, list, programs, band, token);
    return { told, box, doing, router, nodes, token, programs, band };
  }

  buildNode(node, place, count) {
    const wire = draw("path", {});
    wire.style.setProperty("--k", node.colour);
    const mark = draw("svg", { class: "mark", viewBox: "0 0 20 20", "aria-hidden": "true" }, draw("path", { d: markOf(place, count) }));
    const key = this.button(String(place + 1), () => this.vote(place), { class: "key", "aria-label": `Vote ${place + 1}: ${node.name}` });
    const chip = make("span", { class: "chip" });
    const fill = make("div", { class: "fill" });
    const share = make("span", { class: "percent" });
    const who = make("div", { class: "who", title: node.exact }, make("b", {}, mark, node.name), make("span", { class: "soft" }, node.price));
    const odds = make("div", { class: "odds" }, make("div", { class: "track" }, fill), share);
    const box = make("li", { class: "node" }, key, who, odds, make("div", { class: "reply" }, chip));
    box.style.setProperty("--k", node.colour);
    return { box, wire, chip, fill, share, key, odds };
  }

  unfold() {
    this.opened = !this.opened;
    this.passage.classList.toggle("folded", !this.opened);
    this.whole.textContent = this.opened ? "fold" : "whole passage";
    this.whole.setAttribute("aria-expanded", String(this.opened));
  }

  // --- painting: the still picture of where the route stands ---

  paint() {
    this.data.panes.forEach((told, place) => (this.panes[place].told = told));
    for (const pane of this.panes) this.paintPane(pane);
    this.paintControls();
    for (const pane of this.panes) this.lay(pane);
    this.placeTokens();
  }

  paintPane(pane) {
    const { moves, verdict } = pane.told;
    const at = Math.min(this.at, moves.length);
    const next = moves[at];
    const isOut = Boolean(next) && (this.isMoving || this.isAway);
    const done = moves.slice(0, at + (next && this.isAway && next.kind !== "waiting" ? 1 : 0));
    const hasEnded = Boolean(verdict) && at >= moves.length;
    const shares = (next || moves[moves.length - 1] || { shares: [] }).shares;
    const isHidden = this.isGuessing && Boolean(next) && !isOut;
    pane.doing.textContent = hasEnded ? "has ended the route" : isOut ? "has chosen" : at ? "asks again or stops" : "picks an expert";
    pane.box.classList.toggle("plain", !moves.some((move) => move.shares.length));
    pane.nodes.forEach((node, place) => this.paintNode(node, {
      move: done.filter((move) => move.choice === place).pop(),
      isNow: isOut && next.choice === place,
      isWaiting: this.isAway && isOut && next.choice === place && next.kind === "waiting",
      share: isHidden || !shares.length ? null : shares[place],
      vote: this.votes.get(this.ballot()),
      place,
    }));
    this.paintPrograms(pane, done);
    this.paintBand(pane, done, hasEnded);
  }

  paintNode(node, { move, isNow, isWaiting, share, vote, place }) {
    node.chip.textContent = isWaiting ? "is asked …" : move ? move.chip : "";
    node.chip.className = `chip ${isWaiting ? "waiting" : move ? move.kind : ""}`;
    node.chip.title = move ? move.why : "";
    node.fill.style.width = `${100 * (share ?? 0)}%`;
    node.odds.classList.toggle("unknown", share === null || share === undefined);
    node.share.textContent = share === null || share === undefined ? "" : percent(share);
    node.box.classList.toggle("now", isNow);
    node.box.classList.toggle("used", Boolean(move));
    node.wire.setAttribute("class", isNow ? "now" : move ? "used" : "");
    node.key.setAttribute("aria-pressed", String(Boolean(vote) && vote.place === place));
    node.key.classList.toggle("open", this.isGuessing && !(vote && vote.counted));
  }

  paintPrograms(pane, done) {
    const written = done.filter((move) => move.program || move.printed);
    const all = pane.told.moves.some((move) => move.program || move.printed);
    pane.box.classList.toggle("computes", all);
    const shown = written.map((move) => {
      const node = pane.told.nodes[move.choice];
      const box = make("div", { class: "program" }, make("h3", {}, node.name));
      if (move.program) box.append(make("pre", { tabindex: "0", "aria-label": "Program" }, move.program.trimEnd()));
      box.append(make("p", { class: move.kind === "failed" ? "came failed" : "came" }, move.printed));
      box.style.setProperty("--k", node.colour);
      return box;
    });
    const none = all && !shown.length ? [make("p", { class: "soft none" }, "Programs appear here.")] : [];
    const words = shown.map((box) => box.textContent).join();
    if (pane.words !== words || !shown.length) pane.programs.replaceChildren(...shown.reverse(), ...none);
    pane.words = words;
  }

  paintBand(pane, done, hasEnded) {
    const { verdict } = pane.told;
    const last = done[done.length - 1];
    pane.band.className = `band ${hasEnded ? verdict.outcome : ""}`;
    if (!hasEnded) {
      const next = pane.told.moves[this.at];
      const said = last ? last.spent : "Nobody has been asked yet";
      pane.band.replaceChildren(make("span", {}, said), make("span", { class: "soft" }, next && (this.isAway || this.isMoving) ? next.note : ""));
      return;
    }
    const sign = { right: "✓ ", wrong: "✕ ", unknown: "" }[verdict.outcome];
    pane.band.replaceChildren(make("b", {}, sign + verdict.words), make("span", {}, verdict.spent), make("span", { class: "versus" }, verdict.single));
    pane.band.title = verdict.reason;
  }

  paintControls() {
    const end = this.length();
    const places = this.hasEnded() ? end + 1 : end + (this.data.live ? 1 : 0);
    const focused = this.root.getRootNode().activeElement?.dataset?.dot;
    this.dots.replaceChildren(...Array.from({ length: places }, (_, at) => make("li", {}, this.button("", () => this.go(at), {
      class: at < this.at ? "dot done" : "dot", "data-dot": String(at), "aria-label": `Step ${at} of ${places - 1}`, "aria-current": at === this.at ? "step" : null,
    }))));
    if (focused) this.dots.querySelector(`[data-dot="${focused}"]`)?.focus();
    const isRunning = this.isPlaying || (this.isFollowing && !this.isAtEnd());
    this.playButton.textContent = isRunning ? "Pause" : this.isAtEnd() ? "Play again" : "Play";
    // A button that is disabled would lose the focus, and the keys with it.
    this.backButton.setAttribute("aria-disabled", String(this.at === 0 && !this.isMoving && !this.isAway));
    this.nextButton.setAttribute("aria-disabled", String(this.at >= end));
    this.guessButton.setAttribute("aria-pressed", String(this.isGuessing));
    this.note.textContent = this.data.note;
    this.story.hidden = !this.data.story;
    this.story.textContent = this.isAtEnd() ? this.data.story : "\u00a0"; // its line is kept free, so that nothing moves
    this.told.textContent = this.score();
  }

  placeTokens() {
    for (const pane of this.panes) {
      const { moves } = pane.told;
      const move = this.isAway && this.at < moves.length ? moves[this.at] : this.at >= moves.length && pane.told.verdict ? moves[moves.length - 1] : null;
      const wire = pane.nodes[move ? move.choice : 0].wire;
      if (!wire.getAttribute("d")) continue;
      pane.token.style.transform = place(wire.getPointAtLength(move ? wire.getTotalLength() : 0)).transform;
    }
  }

  // Fill what the window leaves below whatever stands above, so that nothing has to be scrolled to.
  fit() {
    const host = this.root.getRootNode().host || this.root;
    const scroller = host.closest("[data-testid=stMain]");
    const top = host.getBoundingClientRect().top + (scroller ? scroller.scrollTop : window.scrollY);
    const isNarrow = this.root.clientWidth < NARROW;
    this.root.classList.toggle("narrow", isNarrow);
    const rows = Math.max(0, ...(this.panes || []).map((pane) => pane.nodes.length));
    const least = Math.max(LEAST_HEIGHT, BESIDE_ROWS + ROW * rows);
    const height = Math.max(least, this.data?.height || Math.min(MOST_HEIGHT, Math.floor(innerHeight - top - FOOT)));
    this.root.style.setProperty("--height", isNarrow ? "auto" : `${height}px`);
    if (!this.panes) return;
    this.whole.hidden = !this.opened && this.passage.scrollHeight <= this.passage.clientHeight + 1;
    for (const pane of this.panes) this.lay(pane);
    this.placeTokens();
  }

  lay(pane) {
    const own = pane.box.getBoundingClientRect();
    const from = pane.router.getBoundingClientRect();
    const isUpright = from.bottom <= pane.nodes[0].box.getBoundingClientRect().top;
    const x0 = isUpright ? from.left - own.left + 22 : from.right - own.left;
    const y0 = (from.top + from.bottom) / 2 - own.top;
    for (const node of pane.nodes) {
      const to = node.box.getBoundingClientRect();
      const x = to.left - own.left;
      const y = (to.top + to.bottom) / 2 - own.top;
      const middle = (x0 + x) / 2;
      node.wire.setAttribute("d", isUpright ? `M${x0} ${y0}V${y - 8}Q${x0} ${y} ${x0 + 8} ${y}H${x}` : `M${x0} ${y0}C${middle} ${y0} ${middle} ${y} ${x} ${y}`);
    }
  }

  // --- sharing ---

  async copyLink() {
    const link = new URL(this.data.link || "", window.location.href).href;
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      window.prompt("The link to this route", link); // browsers allow the clipboard on secure addresses only
      return;
    }
    this.flash(this.linkButton, "Copied");
  }

  flash(button, words) {
    const usual = button.textContent;
    button.textContent = words;
    this.say(words);
    setTimeout(() => (button.textContent = usual), 1500);
  }

  async saveCard() {
    const card = cardOf(this.data, getComputedStyle(this.root));
    const source = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(card)], { type: "image/svg+xml" }));
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = make("canvas", { width: CARD.width * 2, height: CARD.height * 2 });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(source);
    const picture = URL.createObjectURL(await new Promise((done) => canvas.toBlob(done, "image/png")));
    const link = make("a", { href: picture, download: `${this.data.file}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(picture), 10_000);
    this.flash(this.cardButton, "Saved");
  }
}

function place(point) {
  return { transform: `translate(${point.x}px,${point.y}px)` };
}

// --- the card: question, path, cost and verdict as one picture ---

const CARD = { width: 1200, height: 630, edge: 56 };

function cardOf(data, style) {
  const [ground, ink, soft] = ["--ground", "--ink", "--soft"].map((name) => style.getPropertyValue(name).trim() || "gray");
  const font = style.fontFamily;
  const card = draw("svg", { xmlns: SVG, width: CARD.width, height: CARD.height, viewBox: `0 0 ${CARD.width} ${CARD.height}`, "font-family": font, fill: ink });
  card.append(draw("rect", { width: CARD.width, height: CARD.height, fill: ground }));
  const write = (words, x, y, size, more = {}) => card.append(draw("text", { x, y, "font-size": size, ...more }, words));
  if (data.story) write(data.story, CARD.edge, 62, 24, { fill: soft, "font-weight": 650 });
  const lines = wrapped(data.question, 42, font, CARD.width - 2 * CARD.edge, 3, "bold");
  lines.forEach((line, row) => write(line, CARD.edge, 112 + 50 * row, 42, { "font-weight": 700 }));
  let y = 112 + 50 * lines.length;
  for (const pane of data.panes) y = cardPath(card, write, pane, y, font, { ink, soft }, data.panes.length);
  write("DER: a learned router asks LLM experts, one by one", CARD.edge, CARD.height - 28, 20, { fill: soft });
  return card;
}

function cardPath(card, write, pane, top, font, colours, count) {
  const [size, height] = count > 1 ? [20, 36] : [26, 60];
  write(pane.router, CARD.edge, top + size, size, { "font-weight": 700 });
  let y = top + size + 12;
  const shown = pane.moves.filter((move) => move.kind !== "end").slice(0, count > 1 ? 3 : 5);
  for (const move of shown) {
    const node = pane.nodes[move.choice];
    card.append(draw("path", { d: markOf(move.choice, pane.nodes.length), fill: node.colour, stroke: colours.ink, transform: `translate(${CARD.edge},${y + size * 0.35}) scale(${size / 22})` }));
    write(wrapped(node.name, size, font, 560, 1)[0], CARD.edge + 40, y + size * 1.15, size);
    write(wrapped(move.chip || "no reply yet", size, font, 480, 1)[0], CARD.edge + 620, y + size * 1.15, size, { "font-weight": 700 });
    y += height * 0.82;
  }
  const verdict = pane.verdict || { words: "Still on its way", spent: "", single: "" };
  const sign = { right: "✓ ", wrong: "✕ " }[verdict.outcome] || "";
  write(sign + verdict.words, CARD.edge, y + size * 1.8, size * 1.5, { "font-weight": 700 });
  const figures = wrapped([verdict.spent, verdict.single].filter(Boolean).join(" · "), size * 0.92, font, CARD.width - 2 * CARD.edge, 1);
  write(figures[0], CARD.edge, y + size * 3.1, size * 0.92, { fill: colours.soft });
  return y + size * 4.2;
}

// Lines that fit the width, the last one cut with an ellipsis where there are more.
function wrapped(words, size, font, width, most, weight = "normal") {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `${weight} ${size}px ${font}`;
  const fits = (line) => context.measureText(line).width <= width;
  const lines = [""];
  for (const word of words.split(/\s+/).filter(Boolean)) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (fits(longer) || !lines[lines.length - 1]) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  const kept = lines.slice(0, most);
  let last = kept[kept.length - 1];
  const isCut = lines.length > most;
  while (last && !fits(isCut ? `${last}…` : last)) last = last.slice(0, -1);
  if (isCut || last !== kept[kept.length - 1]) last = `${last.trimEnd().slice(0, isCut ? undefined : -1)}…`;
  return [...kept.slice(0, -1), last];
}
