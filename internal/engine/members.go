package engine

// A memberSet holds the names of one object. Those of envelopes are a bit each,
// so that nothing has to be kept of a message that has no others.
type memberSet struct {
	known  uint32
	others map[string]struct{}
}

// bit returns the bit of a name that is known, 0 for others.
func bit(name string) uint32 {
	switch name {
	case "id":
		return 1 << 0
	case "method":
		return 1 << 1
	case "params":
		return 1 << 2
	case "jsonrpc":
		return 1 << 3
	case "path":
		return 1 << 4
	case "input":
		return 1 << 5
	case "lastEventId":
		return 1 << 6
	case "timeoutMs":
		return 1 << 7
	case "meta":
		return 1 << 8
	case "credit":
		return 1 << 9
	case "n":
		return 1 << 10
	case "result":
		return 1 << 11
	case "type":
		return 1 << 12
	case "data":
		return 1 << 13
	case "error":
		return 1 << 14
	case "message":
		return 1 << 15
	case "code":
		return 1 << 16
	}
	return 0
}

// add reports whether name is new.
func (m *memberSet) add(name []byte) bool {
	if b := bit(string(name)); b != 0 {
		fresh := m.known&b == 0
		m.known |= b
		return fresh
	}
	if _, there := m.others[string(name)]; there {
		return false
	}
	if m.others == nil {
		m.others = map[string]struct{}{}
	}
	m.others[string(name)] = struct{}{}
	return true
}

// has reports whether name, one of those that are known, is there.
func (m *memberSet) has(name string) bool { return m.known&bit(name) != 0 }
