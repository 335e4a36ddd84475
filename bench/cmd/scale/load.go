package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// A load is what goes on while a row is measured.
type load struct {
	gen         *gen.Generator
	subscribers []*gen.Conn
	publisher   *gen.Conn

	request, publish     *gen.Template
	marker, answer, item []byte

	published  []int64 // when each broadcast was
	broadcasts measure.Histogram

	calling bool
	called  [callers]int64 // when each caller's call was sent
	calls   measure.Histogram
	result  measure.Result
}

func newLoad(g *gen.Generator, subscribers []*gen.Conn, publisher *gen.Conn) *load {
	wire := g.Wire()
	l := &load{
		gen: g, subscribers: subscribers, publisher: publisher,
		request: wire.Template(wire.Request), publish: wire.Template(wire.Publish),
		marker: []byte(wire.Marker), answer: []byte(wire.Answer), item: []byte(wire.Event),
		calling: true,
	}
	g.OnMessage = l.message
	return l
}

// run publishes and calls for some time, and then waits for what is still
// under way.
func (l *load) run(length time.Duration, pid int) error {
	broadcasts := int(length / time.Second)
	due := l.gen.Now()
	l.gen.Tick = func(now int64) (int64, error) {
		for ; due <= now && len(l.published) < broadcasts; due += int64(time.Second) {
			l.publisher.Send(l.publish, gen.FirstID+uint32(len(l.published)), gen.FirstID)
			l.published = append(l.published, due)
		}
		if len(l.published) == broadcasts {
			return gen.Never, l.publisher.Flush()
		}
		return due, l.publisher.Flush()
	}
	meter, err := measure.Start(pid)
	if err != nil {
		return err
	}
	for _, c := range l.subscribers[:min(callers, len(l.subscribers))] {
		l.call(c, l.gen.Now())
		if err := c.Flush(); err != nil {
			return err
		}
	}
	if err := l.gen.Run(time.Duration(broadcasts)*time.Second, nil); err != nil {
		return err
	}
	if err := meter.Stop(); err != nil {
		return err
	}
	if l.result, err = meter.Result(l.calls.Count()); err != nil {
		return err
	}
	l.result.Latency(&l.calls)
	l.calling = false
	return l.gen.Run(arrival, func() bool {
		return l.broadcasts.Count() == uint64(len(l.subscribers)*len(l.published))
	})
}

func (l *load) call(c *gen.Conn, now int64) {
	l.called[c.Index] = now
	c.Send(l.request, gen.FirstID, 0)
}

func (l *load) message(c *gen.Conn, message []byte, now int64) error {
	if c == l.publisher {
		return nil
	}
	if number, ok := gen.Number(message, l.item); ok {
		if number -= gen.FirstID; int(number) >= len(l.published) {
			return fmt.Errorf("nobody has published %q", message)
		}
		l.broadcasts.Add(time.Duration(now - l.published[number]))
		return nil
	}
	if _, ok := gen.Number(message, l.marker); !ok || !bytes.Contains(message, l.answer) {
		return fmt.Errorf("unexpected %q", message)
	}
	l.calls.Add(time.Duration(now - l.called[c.Index]))
	if l.calling {
		l.call(c, now)
	}
	return nil
}
