package client_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// A caller makes one call or subscription, and writes down what comes of it.
type caller struct {
	s      *stage
	label  string
	cancel context.CancelFunc
	gate   chan struct{} // a token for each item a slow loop takes; nil: it takes all
	leave  int           // the item at which the loop breaks; 0: none
	items  int
	done   chan struct{}
	err    error // once done is closed
}

// start makes a call as words say: KIND LABEL PATH, then any of
//
//	timeout=2s   its deadline
//	meta=k:v     one of its metadata
//	after=ID     where a subscription resumes
//	break=N      its loop breaks at the Nth item
//	slow         its loop takes items only when it is told to
//
// and its input. It returns when all has settled.
func (s *stage) start(words string) *caller {
	kinds := map[string]procedure.Kind{
		"query": procedure.KindQuery, "mutation": procedure.KindMutation, "subscribe": procedure.KindSubscription,
	}
	kind, rest, _ := strings.Cut(words, " ")
	label, rest, _ := strings.Cut(rest, " ")
	path, rest, _ := strings.Cut(rest, " ")
	require.Contains(s.t, kinds, kind, words)
	c := &caller{s: s, label: label, done: make(chan struct{})}
	req := &procedure.Request{Name: path, Kind: kinds[kind]}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for rest != "" {
		word, after, _ := strings.Cut(rest, " ")
		name, value, _ := strings.Cut(word, "=")
		known := true
		switch name {
		case "timeout":
			d, err := time.ParseDuration(value)
			require.NoError(s.t, err)
			ctx, c.cancel = context.WithTimeout(ctx, d)
		case "meta":
			k, v, _ := strings.Cut(value, ":")
			if req.Meta == nil {
				req.Meta = map[string]string{}
			}
			req.Meta[k] = v
		case "after":
			req.After = value
		case "break":
			n, err := strconv.Atoi(value)
			require.NoError(s.t, err)
			c.leave = n
		case "slow":
			c.gate = make(chan struct{}, 1<<20)
		default:
			known = false
		}
		if !known {
			req.Input = procedure.Encoded([]byte(rest), procedure.JSON)
			break
		}
		rest = after
	}
	s.mu.Lock()
	s.callers[label] = c
	s.mu.Unlock()
	go func() { // ends with the call, which ends with the client at the latest
		defer close(c.done)
		defer cancel()
		defer c.cancel()
		c.err = s.client.ServeRPC(ctx, req, func(m procedure.Message) error { return c.reply(ctx, req.Kind, m) })
		c.see(outcome(c.err))
	}()
	synctest.Wait()
	return c
}

func (c *caller) see(what string) { c.s.log.add("C:", c.label+" "+what) }

// outcome describes how a call has ended.
func outcome(err error) string {
	var e *procedure.Error
	switch {
	case err == nil:
		return "ends"
	case errors.Is(err, errBreak):
		return "breaks"
	case !errors.As(err, &e):
		return "fails with what is no Error: " + err.Error()
	}
	text := "fails with " + string(e.Code) + ": " + e.Message
	if e.Cause() != nil {
		text += " (" + e.Cause().Error() + ")"
	}
	return text
}

var errBreak = errors.New("the loop breaks")

func (c *caller) reply(ctx context.Context, kind procedure.Kind, m procedure.Message) error {
	if m.Type == procedure.TypeStarted {
		c.see("has started")
		return nil
	}
	raw, encoded := m.Body.Bytes()
	value := string(raw)
	switch {
	case m.Body.Absent():
		value = "no value"
	case !encoded:
		_, err := procedure.Decode[any](m.Body)
		value = fmt.Sprintf("what does not decode: %v", err)
	}
	if kind != procedure.KindSubscription {
		c.see("gets " + value)
		return nil
	}
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.items++
	text := "gets "
	if m.ID != "" {
		text += "[" + m.ID + "] "
	}
	text += value
	if m.Dropped > 0 {
		text += fmt.Sprintf(", %d dropped before", m.Dropped)
	}
	c.see(text)
	if c.items == c.leave {
		return errBreak
	}
	return nil
}

// take lets a slow loop take n items.
func (c *caller) take(n int) {
	for range n {
		c.gate <- struct{}{}
	}
	synctest.Wait()
}

// wait returns how the call has ended.
func (c *caller) wait() error {
	<-c.done
	return c.err
}

// caller returns the one of a label.
func (s *stage) caller(label string) *caller {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Contains(s.t, s.callers, label)
	return s.callers[label]
}
