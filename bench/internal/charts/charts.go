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
	var names []string
	var our, their plotter.Values // as many as names; what is the other's is zero
	labels := plotter.XYLabels{}
	for _, server := range slices.Backward(servers) { // the first one is to be on top
		v, ok := c.value(s, server)
		if !ok {
			continue
		}
		names = append(names, server)
		if strings.HasPrefix(server, ours) {
			our, their = append(our, v), append(their, 0)
		} else {
			our, their = append(our, 0), append(their, v)
		}
		labels.XYs = append(labels.XYs, plotter.XY{X: max(v, 0), Y: float64(len(names) - 1)})
		labels.Labels = append(labels.Labels, fmt.Sprintf(" "+c.format, v))
	}
	if len(names) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text = c.title, c.axis
	p.X.Min = 0
	p.NominalY(names...)
	for _, bars := range []struct {
		values plotter.Values
		color  color.Color
	}{{our, ourColor}, {their, theirColor}} {
		b, err := plotter.NewBarChart(bars.values, vg.Points(barHeight*0.7))
		if err != nil {
			return err
		}
		b.Horizontal, b.Color, b.LineStyle.Width = true, bars.color, 0
		p.Add(b)
	}
	texts, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	texts.Offset.Y = -vg.Points(4) // labels stand on their point; the middle is to be there
	p.Add(texts)
	p.X.Max *= 1.08 // room for the text of the longest bar
	return p.Save(width, vg.Points(float64(barHeight*len(names)+margins)), filepath.Join(dir, c.file+".svg"))
}
