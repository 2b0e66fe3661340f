// Shows a text at any denoising step: a slider, and a button that plays the animation.
for (const section of document.querySelectorAll(".denoise")) {
  const data = JSON.parse(section.querySelector("script").textContent);
  const tokens = [...section.querySelectorAll(".text span")];
  const classes = tokens.map((token) => token.className);
  const finalTexts = tokens.map((token) => token.textContent);
  const controls = section.querySelector(".controls");
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
    let numFinal = 0;
    tokens.forEach((token, at) => {
      const piece = data.pieces[states[step][at]], isFinal = data.settled[at] <= step;
      numFinal += isFinal;
      // a mask is as wide as its final token, so that the text does not move
      token.textContent = piece ?? finalTexts[at];
      token.className = isFinal ? classes[at] : piece === null ? "masked" : "unsettled";
      token.ariaHidden = piece === null ? "true" : null;
    });
    slider.value = step;
    const description = `step ${step} of ${last}, ${numFinal} of ${tokens.length} tokens final`;
    slider.setAttribute("aria-valuetext", description);
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
