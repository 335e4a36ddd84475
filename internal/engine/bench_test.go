package engine_test

import (
	"strings"
	"testing"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

var (
	callMessage  = []byte(`{"id":17,"method":"query","params":{"path":"room.find","input":{"text":"gophers","limit":20}}}`)
	batchMessage = []byte("[" + strings.TrimSuffix(strings.Repeat(string(callMessage)+",", 10), ",") + "]")
	output       = []byte(`{"rooms":[{"name":"go","owner":"rob@example.com"}]}`)
)

// nowhere is a sink that takes everything at once.
type nowhere struct{}

func (nowhere) AppendHeader(dst []byte, n int) []byte { return append(dst, 0x81, byte(n)) }

func (nowhere) Seal([]byte)                    {}
func (nowhere) TryWrite(p []byte) (int, error) { return len(p), nil }
func (nowhere) Write(p []byte) (int, error)    { return len(p), nil }

func openQueue() *engine.Queue {
	return engine.NewQueue(engine.QueueConfig{Sink: nowhere{}, Mark: 64 << 10, StreamItems: 256, StreamBytes: 1 << 20})
}

func scanInto(requests []engine.Request, message []byte) []engine.Request {
	requests, err := stock.Scan(requests[:0], message)
	if err != nil {
		panic(err)
	}
	return requests
}

func answerInto(buf []byte) []byte {
	buf, _ = engine.AppendAnswer(buf[:0], engine.ID("17"), false, func(dst []byte) ([]byte, error) { return append(dst, output...), nil })
	return buf
}

func BenchmarkScanCall(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(callMessage)))
	var requests []engine.Request
	for b.Loop() {
		requests = scanInto(requests, callMessage)
	}
}

var answerMessage = []byte(`{"id":17,"result":{"type":"data","data":{"rooms":[{"name":"go","owner":"rob@example.com"}]}}}`)

func scanAnswer() {
	if r, err := stock.ScanResponse(answerMessage); err != nil || r.ID != 17 {
		panic(err)
	}
}

func BenchmarkScanAnswer(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(answerMessage)))
	for b.Loop() {
		scanAnswer()
	}
}

func BenchmarkScanAnyAnswer(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(answerMessage)))
	for b.Loop() {
		if _, err := stock.ScanAny(answerMessage); err != nil {
			b.Fatal(err)
		}
	}
}

func appendCommand(buf []byte) []byte {
	return engine.AppendCommand(buf[:0], &engine.Command{ID: 17, Kind: procedure.KindQuery, Path: "room.find", Input: output})
}

func BenchmarkAppendCommand(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = appendCommand(buf)
	}
}

func BenchmarkScanBatchOf10(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(batchMessage)))
	var requests []engine.Request
	for b.Loop() {
		requests = scanInto(requests, batchMessage)
	}
}

func BenchmarkIDKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = engine.ID("17").Key()
	}
}

func BenchmarkEncodeAnswer(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = answerInto(buf)
	}
}

func BenchmarkEncodeError(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	e := &procedure.Error{Code: procedure.CodeNotFound, Message: "no such room"}
	for b.Loop() {
		buf, _ = engine.AppendError(buf[:0], engine.ID("17"), false, []byte("room.find"), e)
	}
}

func BenchmarkQueueDirectFlush(b *testing.B) {
	b.ReportAllocs()
	q := openQueue()
	for b.Loop() {
		q.Direct(output)
		q.Flush()
	}
}

func BenchmarkQueueSend(b *testing.B) {
	b.ReportAllocs()
	q := openQueue()
	for b.Loop() {
		q.Send(output)
	}
	finish(q)
}

func BenchmarkStreamSend(b *testing.B) {
	b.ReportAllocs()
	q := openQueue()
	s := q.NewStream(engine.ID("17"), false)
	s.Start(0)
	for b.Loop() {
		s.Send("", output, 0, false)
	}
	finish(q)
}

// finish waits for the queue's writer.
func finish(q *engine.Queue) {
	done := make(chan struct{})
	q.Finish(func() { close(done) })
	<-done
}

// These counts do not vary, so they are held.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and makes pools forget")
	}
	var requests []engine.Request
	var buf []byte
	q := openQueue()
	for name, tt := range map[string]struct {
		most float64
		run  func()
	}{
		"scanning a call":             {3, func() { requests = scanInto(requests, callMessage) }},
		"scanning a batch of 10":      {30, func() { requests = scanInto(requests, batchMessage) }},
		"scanning an answer":          {0, scanAnswer},
		"encoding a call":             {0, func() { buf = appendCommand(buf) }},
		"encoding an answer":          {0, func() { buf = answerInto(buf) }},
		"a message through the queue": {1, func() { q.Direct(output); q.Flush() }},
	} {
		tt.run() // what grows, grows once
		if got := testing.AllocsPerRun(100, tt.run); got > tt.most {
			t.Errorf("%s allocates %v times, more than %v", name, got, tt.most)
		}
	}
}
