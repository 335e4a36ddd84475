// Package screen draws what hostwatch has to show.
package screen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/procedure"
)

// callTimeout is how long the server may take to answer.
const callTimeout = 5 * time.Second

// Model is the state of the screen. It is told of the machine by messages: a
// [client.State], [hostapi.Host], [hostapi.Sample], [hostapi.Notice] or
// [Failure].
type Model struct {
	url           string
	server        procedure.Handler
	width, height int

	state      client.State
	host       hostapi.Host
	sample     hostapi.Sample
	thresholds hostapi.Thresholds
	cpu        history
	in, out    history
	notice     string // the last thing worth telling
	bad        bool   // it is a failure
}

// Failure is something that did not work.
type Failure struct{ Err error }

// New returns the screen of a machine that server, a client as a rule, asks.
// Its keys ask server as well.
func New(url string, server procedure.Handler) Model {
	return Model{url: url, server: server, width: 80, height: 24}
}

// Init has nothing to do: what there is to show comes by itself.
func (m Model) Init() tea.Cmd { return nil }

// Update takes in a message.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m.press(msg.String())
	case client.State:
		return m.connection(msg)
	case hostapi.Host:
		m.host = msg
	case hostapi.Sample:
		m.sample, m.thresholds = msg, msg.Thresholds
		m.cpu, m.in, m.out = m.cpu.add(msg.CPU), m.in.add(msg.In), m.out.add(msg.Out)
	case hostapi.Thresholds:
		m.thresholds = msg
		m.tell(false, "alarms: cpu %s, memory %s", threshold(msg.CPU), threshold(msg.Memory))
	case hostapi.Notice:
		m.tell(true, "%s  %s at %.0f %%, alarm at %.0f %%", msg.At.Local().Format(time.TimeOnly), clean(msg.Metric), msg.Value, msg.Threshold)
	case Failure:
		m.tell(true, "%s", clean(msg.Err.Error()))
	}
	return m, nil
}

// tell replaces the notice.
func (m *Model) tell(bad bool, format string, args ...any) {
	m.notice, m.bad = fmt.Sprintf(format, args...), bad
}

// connection takes in what the connection is doing. Behind a new one there may
// be another machine.
func (m Model) connection(state client.State) (Model, tea.Cmd) {
	m.state = state
	switch {
	case state.Status == client.StatusOpen:
		m.notice = ""
		return m, m.ask(func(ctx context.Context) (tea.Msg, error) {
			return hostapi.Info.Call(ctx, m.server, struct{}{})
		})
	case state.Cause != nil:
		m.tell(true, "%s", clean(reason(state.Cause)))
	}
	return m, nil
}

// reason returns what the network said, if it was that, without what was tried.
func reason(err error) string {
	var failed *net.OpError
	if errors.As(err, &failed) {
		return failed.Error()
	}
	return err.Error()
}

// press does what a key stands for.
func (m Model) press(key string) (Model, tea.Cmd) {
	var in hostapi.SetThresholdsIn
	switch key {
	case "q", "esc", "ctrl+c":
		return m, tea.Quit
	case "up", "down":
		m.thresholds.CPU = moved(m.thresholds.CPU, key == "up")
		in.CPU = &m.thresholds.CPU
	case "right", "left":
		m.thresholds.Memory = moved(m.thresholds.Memory, key == "right")
		in.Memory = &m.thresholds.Memory
	default:
		return m, nil
	}
	return m, m.ask(func(ctx context.Context) (tea.Msg, error) {
		return hostapi.SetThresholds.Call(ctx, m.server, in)
	})
}

// ask has the server asked, beside the screen, and what it says shown.
func (m Model) ask(call func(context.Context) (tea.Msg, error)) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		msg, err := call(ctx)
		if err != nil {
			return Failure{err}
		}
		return msg
	}
}

// moved returns the next threshold up or down. Above the highest there is none
// at all.
func moved(percent float64, up bool) float64 {
	const step, least, most = 5, 5, 95
	switch {
	case percent == 0 && up:
		return 0
	case percent == 0:
		return most
	case !up:
		return max(least, percent-step)
	case percent+step > most:
		return 0
	}
	return percent + step
}
