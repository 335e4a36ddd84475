package screen

import (
	"fmt"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
)

// Text tells a sample in plain lines, for a pipe or a file.
func Text(host hostapi.Host, s hostapi.Sample) string {
	var b strings.Builder
	say := func(label string, percent float64, format string, args ...any) {
		fmt.Fprintf(&b, "%-8s%6.1f %%  %s\n", label, percent, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "%s, %s, up %s, %s\n", clean(host.System), clean(host.Arch), uptime(s.At.Sub(host.Booted)), s.At.Local().Format(time.DateTime))
	say("cpu", s.CPU, "load %.2f %.2f %.2f", s.Load[0], s.Load[1], s.Load[2])
	for i, percent := range s.Cores {
		fmt.Fprintf(&b, "%3d     %6.1f %%\n", i, percent)
	}
	space := func(label string, sp hostapi.Space, note string) {
		say(label, sp.Percent(), "%s of %s%s", size(sp.Used), size(sp.Total), note)
	}
	space("memory", s.Memory, "")
	if s.Swap.Total > 0 {
		space("swap", s.Swap, "")
	}
	for _, d := range s.Disks {
		space("disk", d.Space, ", "+clean(d.Path))
	}
	fmt.Fprintf(&b, "network           in %s/s, out %s/s\n", size(s.In), size(s.Out))
	for _, p := range s.Processes[:min(10, len(s.Processes))] {
		say("process", p.CPU, "%s, %d, %s", size(p.Memory), p.PID, clean(p.Name))
	}
	return b.String()
}
