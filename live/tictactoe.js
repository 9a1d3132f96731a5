// Tic-tac-toe against the network that taught itself: each free square shows what taking it is
// worth to the player to move, by the network and exactly.

import { h, status } from "./dom.js";
import {
  EMPTY, exact, free, greatest, lost, mistakes, network, over, play, value,
} from "./tictactoe_net.js";
import { read } from "./weights.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const RESULTS = { "-1": "a loss", 0: "a draw", 1: "a win" };

const place = (square) => `row ${Math.floor(square / 3) + 1}, column ${(square % 3) + 1}`;
const number = (v, digits) =>
  v.toFixed(digits).replace(/^-(?=.*[1-9])/, "−").replace("-", ""); // no minus before a zero
const players = (board) => (free(board).length % 2 ? ["X", "O"] : ["O", "X"]); // first: to move

export async function start(root, model) {
  const net = network(read(model));
  const line = status();
  const squares = EMPTY.map((_, square) => h("button", {
    type: "button", onclick: () => take(square), onfocus: () => reach(square) }));
  const tick = (checked) => h("input", { type: "checkbox", checked, onchange: draw });
  const [byNet, byRecursion] = [tick(true), tick(false)];
  const button = (text, onclick) => h("button", { type: "button", onclick }, text);
  const mover = button("", () => act(answer));

  let now = { board: EMPTY }; // and the last move: its square, and who took it
  let past = [now];
  let wrong; // found when first asked for
  let shown = 0;

  const put = (square, who) => { now = { board: play(now.board, square), square, who }; };

  function answer() {
    if (over(now.board)) return "";
    const [values] = net([now.board]);
    const square = greatest(now.board, values);
    put(square, "the network wins");
    return `The network takes ${place(square)}, to which it gave ${number(values[square], 2)}.`;
  }

  function take(square) {
    reach(square);
    if (now.board[square] || over(now.board)) return;
    act(() => {
      put(square, "you win");
      return answer();
    });
  }

  // One after the other, the positions in which its move is not one of the best.
  function mistake() {
    wrong ??= mistakes(net);
    if (!wrong.length) return "It errs in no position.";
    const i = shown++ % wrong.length;
    const { board, move } = wrong[i];
    now = { board };
    byRecursion.checked = true;
    return `Position ${i + 1} of ${wrong.length} where it errs: ${players(board)[0]} is to move, ` +
      `and it would take ${place(move)}, which turns ${RESULTS[value(board)]} into ` +
      `${RESULTS[exact(board)[move]]}.`;
  }

  function act(change) {
    const before = now;
    const text = change();
    if (now !== before) past.push(before);
    tell(text);
  }

  function undo() {
    const before = past.pop();
    now = before ?? now;
    tell(before ? "Taken back." : "There is nothing to take back.");
  }

  function anew() {
    [now, past] = [{ board: EMPTY }, []];
    tell("A new game.");
  }

  function tell(text) {
    draw();
    line.say(words(text));
  }

  function words(text) {
    const { board, who } = now;
    const [next, last] = players(board);
    return `${text} ${lost(board) ? `${last} has three in a line: ${who}.`
      : over(board) ? "The board is full: a draw."
      : who || board === EMPTY ? `You play ${next}.` : ""}`.trim();
  }

  function draw() {
    const { board, square: last } = now;
    const [[ours], truth, end] = [net([board]), exact(board), over(board)];
    const choice = !end && byNet.checked ? greatest(board, ours) : null;
    squares.forEach((node, i) => {
      const mark = board[i] && players(board)[board[i] === 1 ? 0 : 1];
      const values = mark || end ? [] : [
        byNet.checked && { v: ours[i], name: "value", text: number(ours[i], 2) },
        byRecursion.checked && { v: truth[i], name: "exact value", text: number(truth[i], 0) },
      ].filter(Boolean);
      const tint = values.length ? values[0].v : 0;
      node.style.setProperty("--tint", Math.min(1, Math.abs(tint)).toFixed(2));
      node.className = [mark ? "mark" : tint < 0 ? "bad" : "good", i === choice && "choice",
        i === last && "last", lost(board)?.includes(i) && "line"].filter(Boolean).join(" ");
      node.setAttribute("aria-disabled", Boolean(mark || end));
      node.setAttribute("aria-label", [place(i), mark || "empty",
        ...values.map(({ name, text }) => `${name} ${text}`),
        ...(i === choice ? ["the network's choice"] : [])].join(", "));
      node.replaceChildren(mark || "", ...values.map(({ name, text }) =>
        h("span", {}, name === "value" ? text : `(${text})`)));
    });
    mover.textContent = board === EMPTY ? "Let the network begin" : "Let the network move";
  }

  // The one square that the Tab key reaches; arrow keys lead to the others.
  const reach = (square) =>
    squares.forEach((node, i) => { node.tabIndex = i === square ? 0 : -1; });

  function arrow(event) {
    if (!STEPS[event.key]) return;
    event.preventDefault();
    const [down, right] = STEPS[event.key];
    const from = squares.indexOf(event.target);
    const [row, column] = [Math.floor(from / 3) + down, (from % 3) + right];
    if (column >= 0 && column < 3) squares[3 * row + column]?.focus();
  }

  line.element.textContent = words(answer()); // something to see at once, and not read aloud
  draw();
  reach(4);
  root.replaceChildren(h("div", { class: "ttt" },
    h("div", { class: "ttt-board", role: "group", onkeydown: arrow,
      "aria-label": "Board; arrow keys lead from square to square" }, ...squares),
    h("div", { class: "ttt-side" },
      line.element,
      h("div", { class: "ttt-buttons" }, button("New game", anew), mover, button("Undo", undo),
        button("Where it errs", () => act(mistake))),
      h("label", { class: "ttt-tick" }, byNet, "show the network's values"),
      h("label", { class: "ttt-tick" }, byRecursion, "show the exact values, in brackets"),
      h("p", { class: "ttt-key" }, "For the player to move: −1 (orange) loses, 0 draws, 1 (blue) " +
        "wins. The dashed frame is the network's choice."))));
}
