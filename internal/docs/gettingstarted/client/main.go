package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"

	"github.com/zapsocket/zapsocket/internal/docs/gettingstarted/roomapi"
)

func main() {
	url := flag.String("url", "ws://127.0.0.1:4000", "the server")
	name := flag.String("create", "gophers", "the room to create")
	flag.Parse()
	if err := run(context.Background(), *url, *name); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, name string) error {
	c, err := client.Dial(ctx, url, &client.Options{Params: map[string]string{"token": "open-sesame"}})
	if err != nil {
		return err
	}
	defer c.Close()
	go listen(ctx, c) // ends with the client

	room, err := roomapi.Create.Call(ctx, c, roomapi.CreateIn{Name: name})
	switch {
	case errors.Is(err, procedure.CodeConflict):
		fmt.Println(procedure.AsError(err).Message)
	case err != nil:
		return err
	default:
		fmt.Println(room.Owner, "has created", room.Name)
	}

	rooms, err := roomapi.Find.Call(ctx, c, roomapi.FindIn{Text: "go"}) // []roomapi.Room
	if err != nil {
		return err
	}
	for _, room := range rooms {
		fmt.Println("found", room.Name)
	}

	for tick, err := range roomapi.Ticks.Subscribe(ctx, c, roomapi.TicksIn{Every: 500 * time.Millisecond}) {
		if err != nil {
			return err
		}
		fmt.Println("tick", tick.N)
		if tick.N == 3 {
			break // unsubscribes
		}
	}
	return nil
}

// listen prints what the server pushes.
func listen(ctx context.Context, c *client.Client) {
	for notice, err := range roomapi.Alert.Listen(ctx, c) {
		if err != nil {
			return
		}
		fmt.Println("the server says:", notice.Text)
	}
}
