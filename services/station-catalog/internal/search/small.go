package search

// small keeps a number in fewer bits. What it is used for is bounded long before it would not fit:
// by the stations of a page (pageCap), the bytes of their items (mostItem), the plugs of a station
// (mostPlugs) and the numbers that learner gives away.
func small[To uint8 | uint16 | uint32 | int32, From int | uint32](n From) To {
	return To(n)
}
