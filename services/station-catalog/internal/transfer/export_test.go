package transfer

// Spool is a spool that keeps so much in memory.
func Spool(store Store, most int) *spool {
	s := newSpool(store)
	s.most = most
	return s
}

// Stations counts the stations of a spool, and Close gives its file away.
func (s *spool) Stations() (int64, error) { return s.stations() }

func (s *spool) Close() error { return s.close() }
