// Shows only the selected runs, and only the settings in which they differ.
(() => {
  const choices = document.querySelector(".choices");
  const boxes = [...choices.querySelectorAll("input")];
  const differences = document.getElementById("differences");
  const show = () => {
    const selected = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    for (const part of document.querySelectorAll("[data-run]")) part.hidden = !selected.has(part.dataset.run);
    for (const row of differences?.tBodies[0].rows ?? []) {
      const values = [...row.cells].filter((cell) => selected.has(cell.dataset.run)).map((cell) => cell.textContent);
      row.hidden = new Set(values).size < 2;
    }
    for (const doc of window.Bokeh?.documents ?? []) {
      for (const plot of doc.roots()) {
        for (const part of [...plot.renderers, ...plot.center]) {
          if (part.name) part.visible = selected.has(part.name);
        }
        for (const legend of [...plot.center, ...plot.below]) {
          for (const item of legend.items ?? []) item.visible = item.renderers.some((part) => part.visible);
        }
      }
    }
  };
  for (const box of boxes) box.addEventListener("change", show);
  choices.hidden = false;
})();
