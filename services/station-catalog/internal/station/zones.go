package station

import (
	"sync"
	"time"
	_ "time/tzdata" // the service must know every zone on a machine that has none
)

// locations holds the zones that were asked for. It grows to the number of IANA zones at most, since unknown names are not kept.
var locations sync.Map

// Zone is the time zone of an IANA name.
func Zone(name string) (*time.Location, error) { return loadLocation(name) }
