package engine

// TrySend is Send that does not wait: it reports whether there was room. Then
// the message is queued. Its error is Send's.
func (q *Queue) TrySend(message []byte) (sent bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || !q.roomLocked() {
		return false, q.err
	}
	q.frame(message)
	q.scheduleLocked()
	return true, nil
}
