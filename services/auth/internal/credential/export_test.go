package credential

// Occupy takes a slot of the hasher and returns how to give it back.
func (h *Hasher) Occupy() (release func()) {
	h.slots <- struct{}{}
	return func() { <-h.slots }
}
