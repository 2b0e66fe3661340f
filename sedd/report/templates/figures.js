// Hands the page's figures to Bokeh, and keeps their colours those of the page, light or dark.
(async () => {
  const data = JSON.parse(document.getElementById("figures").textContent);
  Bokeh.logger.set_level("warn");
  await Bokeh.embed.embed_items(data.documents, data.items);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const paint = () => {
    const ink = colour("--ink"), quiet = colour("--quiet"), line = colour("--line"), paper = colour("--paper");
    for (const document_ of Bokeh.documents) {
      for (const plot of document_.roots()) {
        plot.background_fill_color = null;
        plot.border_fill_color = paper; // not clear: a saved picture has it
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
    // a finger on a plot scrolls the page; zooming is chosen with the tools above it
    for (const document_ of Bokeh.documents) {
      for (const plot of document_.roots()) plot.toolbar.active_drag = null;
    }
  }
  document.documentElement.dataset.figures = "drawn";
})();
