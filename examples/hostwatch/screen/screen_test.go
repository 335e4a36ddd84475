package screen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	goleak.VerifyTestMain(m)
}

const gib = 1 << 30

var (
	noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	host = hostapi.Host{System: "debian 12.5", Arch: "linux/amd64", Cores: 4, Booted: noon.Add(-75 * time.Minute)}
)

func sample(cores int) hostapi.Sample {
	s := hostapi.Sample{
		At: noon, CPU: 37.5, Load: [3]float64{1.5, 0.25, 0.1},
		Memory: hostapi.Space{Used: 6.2 * gib, Total: 24 * gib},
		Swap:   hostapi.Space{Total: 2 * gib},
		Disks:  []hostapi.Disk{{Path: "/", Space: hostapi.Space{Used: 100 * gib, Total: 250 * gib}}},
		In:     1.5 * 1024 * 1024, Out: 300,
		Processes:  []hostapi.Process{{PID: 4242, Name: "make", CPU: 150.25, Memory: 33.5 * 1024 * 1024}, {PID: 1, Name: "init"}},
		Thresholds: hostapi.Thresholds{CPU: 90, Memory: 50},
	}
	for i := range cores {
		s.Cores = append(s.Cores, float64(i%5)*25)
	}
	return s
}

// after returns m when it has been told the messages.
func after(m Model, messages ...tea.Msg) Model {
	for _, msg := range messages {
		next, _ := m.Update(msg)
		m = next.(Model)
	}
	return m
}

// live is a screen on which everything can be seen.
func live(width, height, cores int) Model {
	return after(New("ws://127.0.0.1:7070", router.New()), tea.WindowSizeMsg{Width: width, Height: height},
		client.State{Status: client.StatusOpen}, host, sample(cores), sample(cores))
}

// text is what can be read.
func text(m Model) string {
	var lines []string
	for line := range strings.Lines(ansi.Strip(m.View().Content)) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n")
}

func TestScreen(t *testing.T) {
	require.Equal(t, ` hostwatch  ● open  ws://127.0.0.1:7070              debian 12.5, up 1 h 15 min

 cpu                                              ▄▄          load 1.50    38 %
           ━━━━━━━━━━━━━━━╸────────────────────╋────              alarm at 90 %
   0 ──────────────────────────   0 %    1 ━━━━━━╸───────────────────  25 %
   2 ━━━━━━━━━━━━━─────────────  50 %    3 ━━━━━━━━━━━━━━━━━━━╸──────  75 %

 memory    ━━━━━━━━━━╸─────────╋────────────────────  6.2 GiB of 24.0 GiB  26 %
 swap      ─────────────────────────────────────────       0 B of 2.0 GiB   0 %
 /         ━━━━━━━━━━━━━━━━╸────────────────────────   100 GiB of 250 GiB  40 %

 net in                                           ██                  1.5 MiB/s
 net out                                          ██                    300 B/s

     pid      cpu    memory  process
    4242  150.2 %  33.5 MiB  make
       1    0.0 %       0 B  init





 as of 12:00:00
 q quit   ↑↓ cpu alarm   ←→ memory alarm`, text(live(80, 24, 4)))
}

func TestANarrowScreenHasShortValues(t *testing.T) {
	require.Equal(t, ` hostwatch  ● open  ws://127.0.0.1:7070

 cpu                     ▄▄        38 %
           ━━━━━━────────╋─
`, strings.Join(strings.SplitAfter(text(live(40, 24, 4)), "\n")[:4], ""))
}

func TestManyCoresAreAColumnEach(t *testing.T) {
	require.Contains(t, text(live(80, 24, 128)), "\n cores     ▁▃▅▇█▁▃▅▇█")
	require.NotContains(t, text(live(80, 24, 4)), "cores")
}

// Whatever the terminal is, no line wraps and none is below the last.
func TestScreenFitsAnySize(t *testing.T) {
	for _, width := range []int{1, 2, 3, 5, 8, 13, 21, 34, 40, 59, 60, 61, 80, 132, 200} {
		for _, height := range []int{1, 2, 3, 4, 5, 8, 13, 20, 24, 40, 60} {
			for _, cores := range []int{0, 1, 7, 64, 300} {
				lines := strings.Split(live(width, height, cores).View().Content, "\n")
				require.LessOrEqual(t, len(lines), height, "%d cores at %dx%d", cores, width, height)
				for _, line := range lines {
					require.LessOrEqual(t, lipgloss.Width(line), width, "%d cores at %dx%d: %q", cores, width, height, line)
				}
			}
		}
	}
}

func TestOddSamples(t *testing.T) {
	m := live(80, 24, 4)
	s := sample(4)
	s.Memory, s.Disks, s.Processes = hostapi.Space{}, nil, nil
	s.CPU = 1000
	require.NotPanics(t, func() { text(after(m, s)) })
	for range 20 {
		s.Disks = append(s.Disks, hostapi.Disk{Path: "/a/path/that/is/long"})
	}
	got := text(after(m, s))
	require.Contains(t, got, " /a/path/… ──")
	require.Contains(t, got, " and 16 more")
}

func TestTheConnectionIsShown(t *testing.T) {
	m := New("ws://127.0.0.1:7070", router.New())
	require.Contains(t, text(m), "● opening")
	require.Contains(t, text(m), "waiting for the first sample")

	m = live(80, 24, 4)
	require.Contains(t, text(m), "● open ")

	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	lost := after(m, client.State{Status: client.StatusReconnecting, Attempt: 3, Cause: fmt.Errorf("a long story: %w", refused)})
	require.Contains(t, text(lost), "● reconnecting, attempt 3")
	require.Contains(t, text(lost), "▲ dial tcp: connect: connection refused")
	require.Contains(t, text(lost), "make", "what was there stays")
	require.Contains(t, m.View().Content, good.Render("━━━━━━━━━━━━━━━╸"))
	require.NotContains(t, lost.View().Content, good.Render("━━━━━━━━━━━━━━━╸"), "but not in colour")

	back, ask := lost.Update(client.State{Status: client.StatusOpen})
	require.Equal(t, text(m), text(back.(Model)))
	require.NotNil(t, ask, "it may be another machine")
}

func TestNoticesAreShown(t *testing.T) {
	m := after(live(80, 24, 4), hostapi.Notice{At: noon, Metric: "cpu", Value: 95.2, Threshold: 90})
	require.Contains(t, text(m), "▲ 12:00:00  cpu at 95 %, alarm at 90 %")
	require.Contains(t, text(after(m, sample(4))), "▲ 12:00:00", "until there is another")
	require.Contains(t, text(after(m, Failure{errors.New("samples: gone")})), "▲ samples: gone")
}

// The other side may say what it likes: the terminal does not obey.
func TestNothingOfTheServersReachesTheTerminalAsACommand(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x1b[2J\r\n\u202e\u009b31m"
	s := sample(2)
	s.Processes[0].Name, s.Disks[0].Path = evil, evil
	h := host
	h.System, h.Arch = evil, evil
	m := after(live(200, 40, 2), h, s)
	for _, content := range []string{
		m.View().Content,
		after(m, hostapi.Notice{Metric: evil}).View().Content,
		after(m, Failure{errors.New(evil)}).View().Content,
		after(m, client.State{Status: client.StatusReconnecting, Cause: errors.New(evil)}).View().Content,
		Text(h, s),
	} {
		require.Contains(t, content, "owned")
		for _, command := range []string{"\x1b]", "\x07", "\x1b[2J", "\r", "\u202e", "\u009b"} {
			require.NotContains(t, content, command)
		}
	}
}

func TestKeys(t *testing.T) {
	var asked hostapi.SetThresholdsIn
	r := router.New()
	r.Handle(hostapi.SetThresholds.Func(func(_ context.Context, in hostapi.SetThresholdsIn) (hostapi.Thresholds, error) {
		asked = in
		if in.Memory != nil {
			return hostapi.Thresholds{}, procedure.Errorf(procedure.CodeUnauthorized, "no token")
		}
		return hostapi.Thresholds{CPU: *in.CPU, Memory: 50}, nil
	}))
	m := after(New("", r), client.State{Status: client.StatusOpen}, sample(2))

	next, ask := m.Update(tea.KeyPressMsg{Code: tea.KeyDown})
	require.Contains(t, text(next.(Model)), "alarm at 85 %", "at once")
	m = after(next.(Model), ask())
	require.Equal(t, 85.0, *asked.CPU)
	require.Nil(t, asked.Memory, "the other one is left alone")
	require.Contains(t, text(m), "alarms: cpu at 85 %, memory at 50 %")

	next, ask = m.Update(tea.KeyPressMsg{Code: tea.KeyRight})
	m = after(next.(Model), ask())
	require.Equal(t, 55.0, *asked.Memory)
	require.Contains(t, text(m), "▲ UNAUTHORIZED: no token")

	_, quit := m.Update(tea.KeyPressMsg{Code: 'q', Text: "q"})
	require.Equal(t, tea.QuitMsg{}, quit())
	_, nothing := m.Update(tea.KeyPressMsg{Code: 'x', Text: "x"})
	require.Nil(t, nothing)
}

func TestThresholdsMove(t *testing.T) {
	for _, test := range []struct{ from, up, down float64 }{
		{0, 0, 95}, {95, 0, 90}, {90, 95, 85}, {92, 0, 87}, {10, 15, 5}, {5, 10, 5},
	} {
		require.Equal(t, test.up, moved(test.from, true), "up from %v", test.from)
		require.Equal(t, test.down, moved(test.from, false), "down from %v", test.from)
	}
}

func TestBar(t *testing.T) {
	for _, test := range []struct {
		percent float64
		width   int
		mark    float64
		want    string
	}{
		{0, 4, 0, "────"}, {50, 4, 0, "━━──"}, {60, 4, 0, "━━╸─"}, {100, 4, 0, "━━━━"}, {200, 4, 0, "━━━━"}, {-1, 4, 0, "────"},
		{0, 4, 50, "──╋─"}, {50, 4, 50, "━━╋─"}, {100, 4, 50, "━━╋━"}, {0, 4, 100, "───╋"}, {60, 4, 1, "╋━╸─"},
		{50, 1, 90, "╋"}, {50, 0, 90, ""}, {50, -3, 90, ""},
	} {
		require.Equal(t, test.want, ansi.Strip(bar(test.percent, test.width, test.mark, good)), "%+v", test)
	}
}

func TestSpark(t *testing.T) {
	var h history
	require.Equal(t, "    ", ansi.Strip(h.spark(4, 100, plain)))
	for _, v := range []float64{0, 50, 100, 150} {
		h = h.add(v)
	}
	require.Equal(t, "  ▁▅██", ansi.Strip(h.spark(6, 100, plain)))
	require.Equal(t, "▅█", ansi.Strip(history{900, 1, 2}.spark(2, 0, plain)), "as high as the highest in sight")
	require.Equal(t, "▁▁", ansi.Strip(history{0, 0}.spark(2, 0, plain)))
	for range 2 * remembered {
		h = h.add(1)
	}
	require.Len(t, h, remembered)
}

func TestSize(t *testing.T) {
	for bytes, want := range map[float64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KiB", 1536: "1.5 KiB", 200 * 1024: "200 KiB", 24 * gib: "24.0 GiB", 1e18: "888 PiB", 1e21: "888178 PiB",
	} {
		require.Equal(t, want, size(bytes))
	}
}

func TestText(t *testing.T) {
	require.Equal(t, `debian 12.5, linux/amd64, up 1 h 15 min, 2026-01-02 12:00:00
cpu       37.5 %  load 1.50 0.25 0.10
  0        0.0 %
  1       25.0 %
memory    25.8 %  6.2 GiB of 24.0 GiB
swap       0.0 %  0 B of 2.0 GiB
disk      40.0 %  100 GiB of 250 GiB, /
network           in 1.5 MiB/s, out 300 B/s
process  150.2 %  33.5 MiB, 4242, make
process    0.0 %  0 B, 1, init
`, Text(host, sample(2)))
}
