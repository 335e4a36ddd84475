package screen

import (
	"fmt"
	"math"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
)

// The colours are the terminal's own sixteen, so they fit its background.
var (
	plain  = lipgloss.NewStyle()
	bold   = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Foreground(lipgloss.BrightBlack)
	good   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	middle = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	high   = lipgloss.NewStyle().Foreground(lipgloss.Red)
	cool   = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)

// level is the colour of a share, with an alarm at mark if that is not 0.
func level(percent, mark float64) lipgloss.Style {
	switch {
	case percent >= 85 || mark > 0 && percent >= mark:
		return high
	case percent >= 60:
		return middle
	}
	return good
}

// bar draws a share in a line of width cells, with a mark at another one if
// that is not 0.
func bar(percent float64, width int, mark float64, style lipgloss.Style) string {
	if width <= 0 {
		return ""
	}
	halves := int(math.Round(2 * float64(width) * min(100, max(0, percent)) / 100))
	cells := []rune(strings.Repeat("━", halves/2))
	if halves%2 == 1 {
		cells = append(cells, '╸')
	}
	full := len(cells)
	cells = append(cells, []rune(strings.Repeat("─", width-full))...)
	if mark <= 0 {
		return style.Render(string(cells[:full])) + faint.Render(string(cells[full:]))
	}
	at := min(width-1, int(float64(width)*mark/100))
	var b strings.Builder
	for _, part := range []struct {
		from, to int
		style    lipgloss.Style
	}{{0, min(full, at), style}, {full, at, faint}} {
		if part.from < part.to {
			b.WriteString(part.style.Render(string(cells[part.from:part.to])))
		}
	}
	b.WriteString(bold.Render("╋"))
	if full > at+1 {
		b.WriteString(style.Render(string(cells[at+1 : full])))
	}
	b.WriteString(faint.Render(string(cells[max(full, at+1):])))
	return b.String()
}

// history is the values of the past, the newest last.
type history []float64

// remembered is how many values are kept: more than a screen is wide.
const remembered = 512

func (h history) add(v float64) history {
	if len(h) == remembered {
		h = h[1:]
	}
	return append(h, v)
}

var levels = []rune("▁▂▃▄▅▆▇█")

// glyph is the height of a share of the whole.
func glyph(share float64) rune {
	i := int(share * float64(len(levels)))
	return levels[min(len(levels)-1, max(0, i))]
}

// spark draws the newest values in width cells, the newest at the right end.
// The top is most, or the largest value in sight if most is 0.
func (h history) spark(width int, most float64, style lipgloss.Style) string {
	if width <= 0 {
		return ""
	}
	h = h[max(0, len(h)-width):]
	if most == 0 {
		for _, v := range h {
			most = max(most, v)
		}
	}
	cells := []rune(strings.Repeat(" ", width-len(h)))
	for _, v := range h {
		cells = append(cells, glyph(v/max(most, 1)))
	}
	return style.Render(string(cells))
}

// size tells bytes in a person's terms, in seven to nine cells.
func size(bytes float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; bytes >= 1000 && i < len(units)-1; i++ {
		bytes /= 1024
	}
	if i == 0 || bytes >= 100 {
		return fmt.Sprintf("%.0f %s", bytes, units[i])
	}
	return fmt.Sprintf("%.1f %s", bytes, units[i])
}

// threshold tells one of an alarm.
func threshold(percent float64) string {
	if percent == 0 {
		return "off"
	}
	return fmt.Sprintf("at %.0f %%", percent)
}

// clean returns text of the other side without what a terminal would obey: a
// process may call itself anything.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// fit returns text in exactly width cells.
func fit(s string, width int) string {
	if lipgloss.Width(s) > width {
		s = plain.MaxWidth(max(0, width-1)).Render(s) + "…"
	}
	return s + strings.Repeat(" ", max(0, width-lipgloss.Width(s)))
}
