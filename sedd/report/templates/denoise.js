// Shows a text at any step between noise and its end: a slider, and a button that plays it.
for (const place of document.querySelectorAll(".denoise")) {
  const data = JSON.parse(place.querySelector("script").textContent);
  const tokens = [...place.querySelectorAll(".text span")];
  const classes = tokens.map((token) => token.className);
  const ends = tokens.map((token) => token.textContent);
  const controls = place.querySelector(".controls");
  const slider = controls.querySelector("input"), button = controls.querySelector("button");
  const output = controls.querySelector("output");
  const last = data.frames.length - 1;

  const states = [];
  data.frames.reduce((before, frame) => {
    const now = before.slice();
    for (const [position, piece] of frame) now[position] = piece;
    states.push(now);
    return now;
  }, []);

  const show = (step) => {
    let settled = 0;
    tokens.forEach((token, at) => {
      const piece = data.pieces[states[step][at]], isSettled = data.settled[at] <= step;
      settled += isSettled;
      // a mask is as wide as what will stand there, so that the text does not jump
      token.textContent = piece ?? ends[at];
      token.className = isSettled ? classes[at] : piece === null ? "masked" : "unsettled";
      token.ariaHidden = piece === null ? "true" : null;
    });
    slider.value = step;
    const said = `step ${step} of ${last}, ${settled} of ${tokens.length} tokens settled`;
    slider.setAttribute("aria-valuetext", said);
    output.textContent = `${step} / ${last}`;
  };

  let playing = null;
  const stop = () => {
    clearInterval(playing);
    playing = null;
    button.textContent = "Play";
  };
  slider.max = last;
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  button.addEventListener("click", () => {
    if (playing !== null) return stop();
    if (Number(slider.value) === last) show(0);
    button.textContent = "Pause";
    const pause = Math.max(40, Math.min(200, 8000 / Math.max(last, 1)));
    playing = setInterval(() => {
      const step = Number(slider.value) + 1;
      if (step > last) return stop();
      show(step);
    }, pause);
  });
  controls.hidden = false;
  show(last);
}
