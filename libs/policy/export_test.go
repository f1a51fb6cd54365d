package policy

// Mutate changes a line of the table until the returned function is called.
func Mutate(scope string, role Role, reach Reach) (undo func()) {
	line := table[scope].reach
	before, there := line[role]
	line[role] = reach
	return func() {
		if line[role] = before; !there {
			delete(line, role)
		}
	}
}
