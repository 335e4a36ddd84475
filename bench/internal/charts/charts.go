// Package charts draws results as SVG files. The same results give the same
// files, byte by byte.
package charts

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"github.com/zapsocket/zapsocket/bench/internal/results"
)

// A chart is one file: a bar for each server that has the number.
type chart struct {
	file, title, axis string
	value             func(s *results.Set, server string) (float64, bool)
	format            string // of the text beside a bar
}

var charts = []chart{
	rates("w1", "W1: calls one after the other, on one connection", "W1"),
	rates("w2", "W2: 64 calls in flight on one connection", "W2"),
	rates("w3", "W3: 100 connections with 8 calls in flight each", "W3"),
	rates("w4", "W4: items of one stream", "W4"),
	rates("w5", "W5: deliveries to 1,000 subscribers, 64 events outstanding", "W5"),
	rates("w5-1", "W5-1: deliveries to 1,000 subscribers, one event outstanding", "W5-1"),
	{
		file: "w6", title: "W6: memory of an idle connection with one subscription",
		axis: "KiB per connection, less is better", format: "%.1f",
		value: func(s *results.Set, server string) (float64, bool) {
			bytes, ok := s.Median(server, "W6", results.RSS)
			return bytes / 1024, ok
		},
	},
}

// rates is a chart of the ratios of rates to the baseline's.
func rates(file, title, workload string) chart {
	return chart{
		file: file, title: title,
		axis: "rate, relative to an echo with coder/websocket", format: "%.2f",
		value: func(s *results.Set, server string) (float64, bool) { return s.Ratio(server, workload, results.Rate) },
	}
}

// Write writes a file for each chart that has anything to show, with the
// servers in the order given. Those whose name begins with ours stand out.
func Write(dir string, s *results.Set, servers []string, ours string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range charts {
		if err := c.write(dir, s, servers, ours); err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
	}
	return nil
}

var (
	ourColor   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	theirColor = color.RGBA{R: 0xb0, G: 0xb0, B: 0xb0, A: 0xff}
)

const (
	width     = 18 * vg.Centimeter
	barHeight = 14 // points, with a gap
	margins   = 70 // points, for the title and the axis
)

func (c chart) write(dir string, s *results.Set, servers []string, ours string) error {
	var rows []bar
	for _, server := range slices.Backward(servers) { // the first one is to be on top
		if v, ok := c.value(s, server); ok {
			rows = append(rows, bar{server, v, strings.HasPrefix(server, ours)})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	p, err := c.draw(rows)
	if err != nil {
		return err
	}
	return p.Save(width, vg.Points(float64(barHeight*len(rows)+margins)), filepath.Join(dir, c.file+".svg"))
}

// A bar is one row of a chart.
type bar struct {
	name  string
	value float64
	ours  bool
}

func (c chart) draw(rows []bar) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = c.title, c.axis
	p.Title.Padding = vg.Points(6)
	p.X.Min = 0

	// There are two sets of bars, because a set has one color. In each, what
	// belongs to the other is zero.
	sets := map[bool]plotter.Values{true: make(plotter.Values, len(rows)), false: make(plotter.Values, len(rows))}
	var names []string
	var texts plotter.XYLabels
	for i, row := range rows {
		sets[row.ours][i] = row.value
		names = append(names, row.name)
		texts.XYs = append(texts.XYs, plotter.XY{X: row.value, Y: float64(i)})
		texts.Labels = append(texts.Labels, fmt.Sprintf(" "+c.format, row.value))
	}
	p.NominalY(names...)
	for _, ours := range []bool{false, true} {
		bars, err := plotter.NewBarChart(sets[ours], vg.Points(barHeight*0.7))
		if err != nil {
			return nil, err
		}
		bars.Horizontal, bars.Color, bars.LineStyle.Width = true, theirColor, 0
		if ours {
			bars.Color = ourColor
		}
		p.Add(bars)
	}
	labels, err := plotter.NewLabels(texts)
	if err != nil {
		return nil, err
	}
	styles := []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label}
	for i := range labels.TextStyle {
		labels.TextStyle[i].YAlign = text.YCenter
		styles = append(styles, &labels.TextStyle[i])
	}
	for _, style := range styles {
		style.Font.Variant = "Sans"
	}
	p.Add(labels)
	p.X.Max *= 1.1 // room for the text of the longest bar
	return p, nil
}
