package demo

// Review is what one of the drivers says of a station, as the API takes it.
type Review struct {
	Driver  int    `json:"-"` // in Drivers
	Rating  int    `json:"rating"`
	Outcome string `json:"outcome"`
	Comment string `json:"comment"`
}

// Reviewers is how many of the drivers write reviews: the first.
const Reviewers = 6

var visits = []Review{
	{Rating: 5, Outcome: "charged", Comment: "Fast, well lit, and a bakery next door."},
	{Rating: 4, Outcome: "charged", Comment: "Full power at once. A roof would be nice."},
	{Rating: 2, Outcome: "blocked", Comment: "Two of the bays were taken by cars that did not charge."},
	{Rating: 5, Outcome: "confirmed", Comment: "Just where the map says, on the left behind the entrance."},
	{Rating: 3, Outcome: "in_use", Comment: "Busy in the evening; I waited for a quarter of an hour."},
	{Rating: 1, Outcome: "equipment_problem", Comment: "The display stayed dark and the hotline did not answer."},
	{Rating: 4, Outcome: "charged", Comment: "The price on the receipt was the one that the app had shown."},
}

// Reviews gives what drivers say of the n-th of the connected stations, each of them once: the same on every run.
func Reviews(n int) []Review {
	all := make([]Review, 2+n%(Reviewers-1))
	for i := range all {
		all[i] = visits[(n+i*(1+n%3))%len(visits)]
		all[i].Driver = (n + i) % Reviewers
	}
	return all
}
