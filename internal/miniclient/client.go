// Package miniclient is the least that can call a server: one connection,
// which is never opened again. Examples and tools use it.
package miniclient

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/zapsocket/zapsocket/procedure"
)

// A Client is a procedure.Handler that serves by asking a server. It is safe
// for concurrent use.
type Client struct {
	ws   *websocket.Conn
	done chan struct{} // closed when the reader has ended

	mu    sync.Mutex
	last  int
	calls map[string]*call
	err   error // why the reader has ended
}

// A call is a call or stream in flight.
type call struct {
	id     int
	frames chan frame
	left   chan struct{} // closed when it takes no more frames
}

const (
	subprotocol  = "zapsocket.v1" // makes the server heed cancel
	writeTimeout = 10 * time.Second
)

// Dial connects to the server at url, sending header with the handshake.
func Dial(ctx context.Context, url string, header http.Header) (*Client, error) {
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{subprotocol}})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(16 << 20)
	c := &Client{ws: ws, done: make(chan struct{}), calls: map[string]*call{}}
	go c.read() // ends with the connection
	return c, nil
}

// Close ends the connection; calls in flight fail.
func (c *Client) Close() error {
	err := c.ws.Close(websocket.StatusNormalClosure, "")
	<-c.done
	return err
}

// frame is what a server sends.
type frame struct {
	ID     jsontext.Value `json:"id"`
	Method string         `json:"method"`
	Result *result        `json:"result"`
	Error  *failure       `json:"error"`
}

type result struct {
	Type    string         `json:"type"`
	ID      string         `json:"id"`
	Dropped uint64         `json:"dropped"`
	Data    jsontext.Value `json:"data"`
}

type failure struct {
	Message string `json:"message"`
	Data    struct {
		Code   procedure.Code    `json:"code"`
		LogID  string            `json:"logId"`
		Fields []procedure.Field `json:"fields"`
	} `json:"data"`
}

// request is what a server gets.
type request struct {
	ID     int     `json:"id"`
	Method string  `json:"method"`
	Params *params `json:"params,omitzero"`
}

type params struct {
	Path        string         `json:"path"`
	Input       jsontext.Value `json:"input,omitzero"`
	LastEventID string         `json:"lastEventId,omitzero"`
}

// read hands each frame to its call.
func (c *Client) read() {
	defer close(c.done)
	for {
		_, message, err := c.ws.Read(context.Background())
		var f frame
		if err == nil && string(message) != "PONG" {
			err = json.Unmarshal(message, &f)
		}
		c.mu.Lock()
		if err != nil {
			c.err = err
			c.mu.Unlock()
			return
		}
		k := c.calls[string(f.ID)]
		c.mu.Unlock()
		if k == nil {
			continue
		}
		select {
		case k.frames <- f:
		case <-k.left:
		}
	}
}

// ServeRPC asks the server.
func (c *Client) ServeRPC(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	input, err := req.Input.Append(nil, procedure.JSON)
	if err != nil {
		return err
	}
	k := c.enter()
	defer c.leave(k)
	if err := c.send(request{k.id, req.Kind.String(), &params{req.Name, input, req.After}}); err != nil {
		return err
	}
	for {
		select {
		case f := <-k.frames:
			last, err := deliver(f, req.Kind, reply)
			if err != nil && !last {
				c.quit(k, req.Kind)
			}
			if err != nil || last {
				return err
			}
		case <-ctx.Done():
			c.quit(k, req.Kind)
			return ctx.Err()
		case <-c.done:
			return fmt.Errorf("connection lost: %w", c.err)
		}
	}
}

// deliver passes a frame on and reports whether it was the call's last.
func deliver(f frame, kind procedure.Kind, reply procedure.Reply) (last bool, err error) {
	switch {
	case f.Error != nil:
		d := f.Error.Data
		return true, procedure.Received(&procedure.Error{Code: d.Code, Message: f.Error.Message, LogID: d.LogID, Fields: d.Fields})
	case f.Result == nil || f.Result.Type == "stopped":
		return true, nil
	case f.Result.Type == "started":
		return false, reply(procedure.Message{Type: procedure.TypeStarted})
	}
	m := procedure.Message{ID: f.Result.ID, Dropped: f.Result.Dropped}
	data := f.Result.Data
	if m.ID != "" {
		var tracked struct {
			Data jsontext.Value `json:"data"`
		}
		if err := json.Unmarshal(data, &tracked); err != nil {
			return false, err
		}
		data = tracked.Data
	}
	if data != nil {
		m.Body = procedure.Encoded(data, procedure.JSON)
	}
	return kind != procedure.KindSubscription, reply(m)
}

// enter makes a call known to the reader.
func (c *Client) enter() *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	k := &call{c.last, make(chan frame), make(chan struct{})}
	c.calls[strconv.Itoa(k.id)] = k
	return k
}

func (c *Client) leave(k *call) {
	close(k.left)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, strconv.Itoa(k.id))
}

// quit tells the server that nobody waits for the call any more.
func (c *Client) quit(k *call, kind procedure.Kind) {
	method := "cancel"
	if kind == procedure.KindSubscription {
		method = "subscription.stop"
	}
	c.send(request{ID: k.id, Method: method}) // if it fails the server knows anyway
}

// send writes a request. A context that ended within would close the
// connection, so the caller's does not come here.
func (c *Client) send(r request) error {
	message, err := json.Marshal(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageText, message)
}
