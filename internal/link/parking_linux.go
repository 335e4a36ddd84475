package link

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// A Parking watches over connections that nobody reads, and has somebody read
// on where something arrives: most connections are idle, and a goroutine that
// waits takes more memory than all the rest of one. It has an epoll of its own,
// because Go's wakes goroutines only; that one waits in Go's, so that no thread
// is held. It must not be copied. The zero Parking is ready; it has a
// descriptor and a goroutine while there are connections that have parked.
type Parking struct {
	mu      sync.Mutex
	epoll   *os.File
	raw     syscall.RawConn // epoll's
	sockets []*Socket       // by descriptor
	count   int
}

// ParkIn lets the connection park where the platform allows: Next returns
// ErrIdle from now on when nothing is there to be read. Resume is to have a
// goroutine read on; it must not wait. The reader calls ParkIn.
func (s *Socket) ParkIn(p *Parking, resume func()) {
	if s.raw == nil {
		return
	}
	s.parks = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parking, s.resume = p, resume
}

// Park leaves the connection without a reader. It reports whether that is so:
// the caller is not the reader any more, and perhaps another one is by now.
// Otherwise it has to call Next, which waits. It is the reader's, as Next is.
func (s *Socket) Park() bool {
	s.woken = true // who reads next
	s.mu.Lock()
	s.parked = s.broken == nil
	parked := s.parked
	s.mu.Unlock()
	if parked && (s.parking.watch(s) == nil || !s.unpark()) {
		return true
	}
	s.parks = false
	return false
}

// unpark takes the connection out, and reports whether it was parked: the
// caller has to see to it that it is read.
func (s *Socket) unpark() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.parked
	s.parked = false
	return was
}

// readOn has a parked connection read.
func (s *Socket) readOn() {
	if s.unpark() {
		s.resume()
	}
}

// A parked descriptor is watched until it has something, once.
const parkedEvents = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT

// watch waits for something to arrive, which may be there already.
func (p *Parking) watch(s *Socket) (err error) {
	controlErr := s.raw.Control(func(fd uintptr) { err = p.arm(s, int(fd)) }) // the descriptor stays open meanwhile
	if controlErr != nil {
		return controlErr
	}
	return err
}

func (p *Parking) arm(s *Socket, fd int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	op := syscall.EPOLL_CTL_MOD
	if fd >= len(p.sockets) || p.sockets[fd] != s {
		if err := p.enterLocked(s, fd); err != nil {
			return err
		}
		op = syscall.EPOLL_CTL_ADD
	}
	var err error
	controlErr := p.raw.Control(func(epoll uintptr) {
		err = syscall.EpollCtl(int(epoll), op, fd, &syscall.EpollEvent{Events: parkedEvents, Fd: int32(fd)})
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}

// enterLocked puts s among the sockets, in the place of one that is closed if
// that has not left yet.
func (p *Parking) enterLocked(s *Socket, fd int) error {
	if p.count == 0 {
		if err := p.openLocked(); err != nil {
			return err
		}
	}
	if fd >= len(p.sockets) {
		grown := make([]*Socket, max(64, fd+fd/4))
		copy(grown, p.sockets)
		p.sockets = grown
	}
	if p.sockets[fd] == nil {
		p.count++
	}
	p.sockets[fd] = s
	s.parkedAt = fd
	return nil
}

// closed is called when the socket has been closed, which has taken its
// descriptor out of the epoll, too.
func (s *Socket) closed() {
	s.mu.Lock()
	p := s.parking
	s.mu.Unlock()
	if p != nil {
		p.forget(s)
	}
	s.readOn() // or nobody would see the end
}

func (p *Parking) forget(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fd := s.parkedAt
	if fd >= len(p.sockets) || p.sockets[fd] != s {
		return
	}
	p.sockets[fd] = nil
	if p.count--; p.count == 0 {
		p.epoll.Close()
		p.epoll, p.raw, p.sockets = nil, nil, nil
	}
}

func (p *Parking) openLocked() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err = syscall.SetNonblock(fd, true); err != nil { // so that Go waits for it as for a socket
		syscall.Close(fd)
		return err
	}
	epoll := os.NewFile(uintptr(fd), "epoll")
	raw, err := epoll.SyscallConn()
	if err == nil {
		err = epoll.SetReadDeadline(time.Time{}) // fails if Go does not wait for it
	}
	if err != nil {
		epoll.Close()
		return err
	}
	p.epoll, p.raw = epoll, raw
	go p.run(raw) // ends when the epoll is closed, with the last connection
	return nil
}

func (p *Parking) run(raw syscall.RawConn) {
	var events [128]syscall.EpollEvent
	for {
		n := 0
		err := raw.Read(func(epoll uintptr) bool {
			n, _ = syscall.EpollWait(int(epoll), events[:], 0) // fails if a signal comes, at most
			return n > 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:n] {
			if s := p.at(int(e.Fd)); s != nil {
				s.readOn()
			}
		}
	}
}

// at returns the socket of a descriptor. If that has been closed and opened
// anew since, it is the new one's, to which a look does no harm.
func (p *Parking) at(fd int) *Socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd >= len(p.sockets) {
		return nil
	}
	return p.sockets[fd]
}
