package orders

import (
	"sync"

	"github.com/zapsocket/zapsocket/examples/gateway/ordersapi"
)

// A Store holds the orders of all users. It stands for a database: it outlives
// the server. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	orders  []owned       // by ID, which counts from 1
	changed chan struct{} // closed with the next order
}

type owned struct {
	user string
	ordersapi.Order
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{changed: make(chan struct{})} }

func (s *Store) add(user string, in ordersapi.PlaceIn) ordersapi.Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := ordersapi.Order{ID: len(s.orders) + 1, Ref: in.Ref, Item: in.Item, Count: in.Count}
	s.orders = append(s.orders, owned{user, order})
	close(s.changed)
	s.changed = make(chan struct{})
	return order
}

// after returns the user's orders after the one with that ID, and a channel that
// is closed when there may be more.
func (s *Store) after(id int, user string) ([]ordersapi.Order, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []ordersapi.Order
	for _, o := range s.orders[min(id, len(s.orders)):] {
		if o.user == user {
			found = append(found, o.Order)
		}
	}
	return found, s.changed
}
