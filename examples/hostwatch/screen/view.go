package screen

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
)

const (
	labelWidth = 10
	valueWidth = 26
	wide       = 60 // cells; below, values are short
)

// View draws the screen.
func (m Model) View() tea.View {
	v := tea.NewView(m.draw())
	v.AltScreen = true
	v.WindowTitle = "hostwatch " + clean(m.url)
	return v
}

// draw returns at most height lines of at most width cells. What there is no
// room for is left out: first the blank lines, then from the bottom.
func (m Model) draw() string {
	head := []string{m.title()}
	foot := []string{m.footer(), faint.Render(" q quit   ↑↓ cpu alarm   ←→ memory alarm")}
	room := max(0, m.height-len(head)-len(foot))
	lines := append(head, m.body(room)...)
	for range room + len(head) - len(lines) { // the foot stands at the bottom
		lines = append(lines, "")
	}
	lines = append(lines, foot...)
	lines = lines[:max(0, min(len(lines), m.height))]
	return plain.MaxWidth(max(1, m.width)).Render(strings.Join(lines, "\n"))
}

// body draws the sample, in at most room lines.
func (m Model) body(room int) (lines []string) {
	if m.sample.At.IsZero() {
		return nil
	}
	blocks := [][]string{m.cpuBlock(), m.spaceBlock(), m.networkBlock()}
	needed := 4 // a few processes
	for _, block := range blocks {
		needed += len(block) + 1
	}
	spaced := needed <= room
	for _, block := range blocks {
		if spaced {
			lines = append(lines, "")
		}
		lines = append(lines, block...)
	}
	if spaced {
		lines = append(lines, "")
		room-- // and one below
	}
	lines = append(lines, m.processBlock(room-len(lines))...)
	lines = lines[:min(len(lines), room)]
	if m.state.Status != client.StatusOpen {
		for i, line := range lines { // it is no longer live
			lines[i] = faint.Render(ansi.Strip(line))
		}
	}
	return lines
}

// title says what is shown, and how the connection is.
func (m Model) title() string {
	status, style := m.state.Status.String(), middle
	switch m.state.Status {
	case client.StatusOpen:
		style = good
	case client.StatusReconnecting:
		status = fmt.Sprintf("reconnecting, attempt %d", m.state.Attempt)
	case client.StatusClosed:
		style = high
	}
	left := " " + bold.Render("hostwatch") + "  " + style.Render("● "+status) + "  " + clean(m.url)
	if m.host.Cores == 0 || m.sample.At.IsZero() {
		return left
	}
	right := fmt.Sprintf("%s, up %s ", clean(m.host.System), uptime(m.sample.At.Sub(m.host.Booted)))
	space := m.width - lipgloss.Width(left) - lipgloss.Width(right)
	if space < 2 {
		return left
	}
	return left + strings.Repeat(" ", space) + faint.Render(right)
}

// uptime tells a time in its two largest units.
func uptime(d time.Duration) string {
	minutes := int(d.Minutes())
	switch hours := minutes / 60; {
	case hours >= 24:
		return fmt.Sprintf("%d d %d h", hours/24, hours%24)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes%60)
	}
	return fmt.Sprintf("%d min", minutes)
}

// row draws a line: what it is, a picture, and its value.
func (m Model) row(label string, picture func(width int) string, value, short string) string {
	width := valueWidth
	if m.width < wide {
		value, width = short, 11
	}
	room := m.width - labelWidth - width - 3
	return " " + fit(label, labelWidth-1) + " " + picture(room) + " " + fmt.Sprintf("%*s", width, value)
}

// meter is the row of a share, with a mark where its alarm is.
func (m Model) meter(label string, percent, mark float64, value string) string {
	return m.row(label, func(width int) string { return bar(percent, width, mark, level(percent, mark)) },
		value+percentage(percent), percentage(percent))
}

func percentage(p float64) string { return fmt.Sprintf("%4.0f %%", p) }

func (m Model) cpuBlock() []string {
	s := m.sample
	spark := m.row("cpu", func(width int) string { return m.cpu.spark(width, 100, cool) },
		fmt.Sprintf("load %.2f  %s", s.Load[0], percentage(s.CPU)), percentage(s.CPU))
	mark := m.thresholds.CPU
	total := m.row("", func(width int) string { return bar(s.CPU, width, mark, level(s.CPU, mark)) }, "alarm "+threshold(mark), "")
	return append([]string{spark, total}, m.cores()...)
}

// cores draws a bar for each core, several in a line where that is wide enough.
// If they are too many for the screen, each is a single column.
func (m Model) cores() (lines []string) {
	cores := m.sample.Cores
	columns := min(max(1, (m.width-2)/30), max(1, len(cores)))
	if rows := (len(cores) + columns - 1) / columns; rows > max(2, m.height/4) {
		return m.dense()
	}
	width := (m.width-2)/columns - 1
	var line strings.Builder
	for i, percent := range cores {
		line.WriteString(fmt.Sprintf(" %3d ", i) + bar(percent, width-12, 0, level(percent, 0)) + percentage(percent) + " ")
		if (i+1)%columns == 0 || i == len(cores)-1 {
			lines = append(lines, line.String())
			line.Reset()
		}
	}
	return lines
}

func (m Model) dense() (lines []string) {
	width := max(1, m.width-labelWidth-2)
	for from := 0; from < len(m.sample.Cores); from += width {
		label, line := "", strings.Builder{}
		if from == 0 {
			label = "cores"
		}
		for _, percent := range m.sample.Cores[from:min(len(m.sample.Cores), from+width)] {
			line.WriteString(level(percent, 0).Render(string(glyph(percent / 100))))
		}
		lines = append(lines, " "+fit(label, labelWidth-1)+" "+line.String())
	}
	return lines
}

// disks is how many of them are shown.
const disks = 4

func (m Model) spaceBlock() []string {
	s := m.sample
	lines := []string{m.space("memory", s.Memory, m.thresholds.Memory)}
	if s.Swap.Total > 0 {
		lines = append(lines, m.space("swap", s.Swap, 0))
	}
	for i, d := range s.Disks {
		if i == disks {
			lines = append(lines, faint.Render(fmt.Sprintf(" and %d more", len(s.Disks)-disks)))
			break
		}
		lines = append(lines, m.space(clean(d.Path), d.Space, 0))
	}
	return lines
}

func (m Model) space(label string, s hostapi.Space, mark float64) string {
	return m.meter(label, s.Percent(), mark, size(s.Used)+" of "+size(s.Total))
}

func (m Model) networkBlock() []string {
	line := func(label string, h history, rate float64) string {
		value := size(rate) + "/s"
		return m.row(label, func(width int) string { return h.spark(width, 0, cool) }, value, value)
	}
	return []string{line("net in", m.in, m.sample.In), line("net out", m.out, m.sample.Out)}
}

// processBlock draws as many processes as there is room for.
func (m Model) processBlock(room int) (lines []string) {
	const columns = " %7s %8s %9s  %s"
	lines = append(lines, faint.Render(fmt.Sprintf(columns, "pid", "cpu", "memory", "process")))
	for _, p := range m.sample.Processes {
		if len(lines) >= room {
			break
		}
		cpu := fmt.Sprintf("%.1f %%", p.CPU)
		lines = append(lines, fmt.Sprintf(columns, fmt.Sprint(p.PID), cpu, size(p.Memory), clean(p.Name)))
	}
	return lines
}

// footer is the last thing worth telling, or how old the figures are.
func (m Model) footer() string {
	switch {
	case m.notice != "" && m.bad:
		return " " + high.Render("▲ "+m.notice)
	case m.notice != "":
		return " " + m.notice
	case m.sample.At.IsZero():
		return " waiting for the first sample"
	}
	return faint.Render(" as of " + m.sample.At.Local().Format(time.TimeOnly))
}
