// Package photo holds the pictures that drivers take of stations.
//
// A picture is shown as soon as it is there. What is kept is not the file that was sent but two JPEGs that are made of it, upright and
// without metadata: nobody is told where a person's telephone was, or whose it is. Its author may change the caption and delete it; a
// moderator can hide it. Like ratings, photos are no part of a station's document, version or history.
package photo

import (
	"crypto/sha256"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
)

// The faults of photos.
var (
	ErrNotFound = fault.Define(fault.NotFound, "photo_not_found", "There is no such photo of this station")
	ErrForeign  = fault.Define(fault.Forbidden, "foreign_photo", "The photo is somebody else's")
	ErrInvalid  = fault.Define(fault.Invalid, "invalid_photo", "What is said of the photo is not valid")
	ErrPicture  = fault.Define(fault.Unprocessable, "invalid_picture", "The picture cannot be shown")
	errMany     = fault.Define(fault.Conflict, "too_many_photos", "There are too many photos")
	errToday    = fault.Define(fault.Limited, "too_many_photos_today", "You have sent too many photos today").After(time.Hour)
)

// Bounds of what is kept.
const (
	MostCaption   = 500 // characters
	MostOfPerson  = 10  // photos of a station that one person sent
	MostOfStation = 200
	// MostOfDay is how many photos that are still there a person may have sent in a day: what an account can fill is bounded.
	MostOfDay = 200
	// MostOfDocument is how many photos are shown with a station, the newest ones.
	MostOfDocument = 20
)

// Counts are how many photos there are.
type Counts struct{ OfPerson, OfStation, OfDay int }

// Room returns a fault when one more would be too many.
func (c Counts) Room() error {
	switch {
	case c.OfPerson >= MostOfPerson:
		return errMany.Detailf("You have sent %d of this station, which is the most: delete one of them.", c.OfPerson)
	case c.OfStation >= MostOfStation:
		return errMany.Detailf("The station has %d, which is the most.", c.OfStation)
	case c.OfDay >= MostOfDay:
		return errToday.Detailf("%d are the most.", MostOfDay)
	}
	return nil
}

// State says who is shown a photo.
type State string

// The states: everybody, or only the author and moderators.
const (
	Published State = "published"
	Hidden    State = "hidden"
)

// Size is one of the two pictures that are kept of each photo.
type Size string

// The sizes; see Longest.
const (
	Full      Size = "full"
	Thumbnail Size = "thumbnail"
)

// Longest is the most pixels that the longer side of a picture of this size has.
func (s Size) Longest() int {
	if s == Thumbnail {
		return 400
	}
	return 2048
}

// Sized is where a picture is to be had, and how many pixels it has.
type Sized struct {
	URL    string `json:"url"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// Shown is what a station's document says of a photo.
type Shown struct {
	ID        uuid.UUID `json:"id"`
	Caption   string    `json:"caption,omitempty"`
	Full      Sized     `json:"full"`
	Thumbnail Sized     `json:"thumbnail"`
	CreatedAt time.Time `json:"created_at"`
}

// Photo is a picture that somebody took of a station.
type Photo struct {
	Shown
	StationID    uuid.UUID `json:"station_id"`
	Author       uuid.UUID `json:"-"` // the account; nobody is told
	State        State     `json:"state"`
	HiddenReason string    `json:"hidden_reason,omitempty"`
	Version      int64     `json:"version"`
	UpdatedAt    time.Time `json:"updated_at"` // when the author wrote the caption last
}

// SeenBy tells whether the photo is shown to the viewer.
func (p *Photo) SeenBy(v review.Viewer) bool {
	return p.State == Published || v.Moderator || v.Person != uuid.Nil && v.Person == p.Author
}

// PathOf is the path of a photo.
func PathOf(stationID, id uuid.UUID) string {
	return "/v1/stations/" + stationID.String() + "/photos/" + id.String()
}

// PicturePath is the path and the query of one of a photo's pictures.
func PicturePath(stationID, id uuid.UUID, size Size) string {
	return PathOf(stationID, id) + "/picture.jpg?size=" + string(size)
}

// Locate says where the pictures are, under the address of the product.
func (p *Photo) Locate(origin string) {
	origin = strings.TrimSuffix(origin, "/")
	p.Full.URL, p.Thumbnail.URL = origin+PicturePath(p.StationID, p.ID, Full), origin+PicturePath(p.StationID, p.ID, Thumbnail)
}

// Digest tells files apart.
type Digest [sha256.Size]byte

// DigestOf gives the digest of a file.
func DigestOf(file []byte) Digest { return sha256.Sum256(file) }

// Picture is one that is kept.
type Picture struct {
	Width, Height int
	JPEG          []byte
}

// Taken is a picture as it is to be kept.
type Taken struct {
	Caption         string
	Digest          Digest // of the file as it was sent
	Full, Thumbnail Picture
}
