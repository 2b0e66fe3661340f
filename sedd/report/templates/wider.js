// Marks tables that are wider than the page; page.css then says so above them.
{
  const mark = (element) => element.classList.toggle("wider", element.scrollWidth > element.clientWidth + 1);
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => mark(entry.target)));
  for (const element of document.querySelectorAll(".scroll")) observer.observe(element);
}
