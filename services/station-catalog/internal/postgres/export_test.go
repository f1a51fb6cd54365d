package postgres

// What the tests of duplicates look at.
const (
	NearPairs       = nearPairs
	ScannedStations = scannedStations
	NearbyDegrees   = nearbyDegrees
)
