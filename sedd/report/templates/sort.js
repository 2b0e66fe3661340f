// Tables of class `sortable`: each heading becomes a button that sorts by its column; a second click reverses the order.
// Sorts by a cell's data-sort if present, otherwise by its text. Cells without a number are last.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    const isNumber = heading.classList.contains("number");
    const key = (row) => {
      const cell = row.cells[column];
      const text = cell.dataset.sort ?? cell.textContent.trim();
      return isNumber ? (text === "" ? NaN : Number(text)) : text;
    };
    button.addEventListener("click", () => {
      const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const compare = (a, b) => {
        const one = key(a), other = key(b);
        if (!isNumber) return sign * one.localeCompare(other, "en", { numeric: true });
        if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
        return sign * (one - other);
      };
      for (const body of table.tBodies) body.append(...[...body.rows].sort(compare));
    });
  });
}
