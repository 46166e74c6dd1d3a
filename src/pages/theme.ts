// Before anything is drawn: the theme that was chosen here last, so that no page flashes. A classic
// script, as modules run too late.

{
  const chosen = localStorage.getItem('theme')
  if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset['theme'] = chosen
}
