// Draws the figures with Bokeh, in the light or dark colors of the page.
(async () => {
  const data = JSON.parse(document.getElementById("figures").textContent);
  Bokeh.logger.set_level("warn");
  await Bokeh.embed.embed_items(data.documents, data.items);
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const paint = () => {
    const ink = color("--ink"), quiet = color("--quiet"), line = color("--line"), paper = color("--paper");
    for (const doc of Bokeh.documents) {
      for (const plot of doc.roots()) {
        plot.background_fill_color = null;
        plot.border_fill_color = paper; // not transparent: saved images keep it
        plot.outline_line_color = null;
        for (const axis of [...plot.below, ...plot.left]) {
          if (axis.axis_label_text_color === undefined) continue;
          axis.axis_label_text_color = ink;
          axis.major_label_text_color = quiet;
          axis.axis_line_color = axis.major_tick_line_color = line;
        }
        for (const part of plot.center) {
          if (part.grid_line_color !== undefined) part.grid_line_color = line;
        }
        for (const part of [...plot.center, ...plot.below]) {
          if (part.label_text_color === undefined) continue;
          part.label_text_color = ink;
          part.background_fill_color = paper;
          part.inactive_fill_color = paper;
        }
      }
    }
  };
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  if (matchMedia("(pointer: coarse)").matches) {
    // touch: dragging over a plot scrolls the page; zoom is in the toolbar
    for (const doc of Bokeh.documents) {
      for (const plot of doc.roots()) plot.toolbar.active_drag = null;
    }
  }
  document.documentElement.dataset.figures = "drawn";
})();
