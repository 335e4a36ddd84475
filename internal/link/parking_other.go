//go:build !linux && !js

package link

// A Parking would watch over connections that nobody reads. Here each has a
// reader.
type Parking struct{}

// ParkIn does nothing here.
func (s *Socket) ParkIn(*Parking, func()) {}

// Park is not called here.
func (s *Socket) Park() bool { return false }

func (s *Socket) readOn() {}

func (s *Socket) closed() {}
