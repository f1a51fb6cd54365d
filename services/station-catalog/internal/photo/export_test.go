package photo

import "testing"

// Fill takes all of the memory until the function is called.
func (d *Darkroom) Fill(t *testing.T) (release func()) {
	t.Helper()
	if err := d.memory.Acquire(t.Context(), mostMemory); err != nil {
		t.Fatal(err)
	}
	return func() { d.memory.Release(mostMemory) }
}
