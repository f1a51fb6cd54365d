package httpapi

import (
	"bytes"
	"context"
	"io"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/receipt"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// record gives the CDR of a session that the caller may see.
func (a *API) record(ctx context.Context, id uuid.UUID) (session.CDR, error) {
	s, err := a.visible(ctx, id)
	if err != nil {
		return session.CDR{}, err
	}
	if s.State.Open() {
		return session.CDR{}, session.ErrUnfinished
	}
	return a.Sessions.GetCDR(ctx, id)
}

// GetReceipt implements StrictServerInterface.
func (a *API) GetReceipt(ctx context.Context, request GetReceiptRequestObject) (GetReceiptResponseObject, error) {
	cdr, err := a.record(ctx, request.SessionId)
	if err != nil {
		return nil, err
	}
	tag := `"` + cdr.ID.String() + `"` // it never changes
	return GetReceipt200JSONResponse{Body: ToAPIReceipt(cdr), Headers: GetReceipt200ResponseHeaders{ETag: &tag}}, nil
}

// CreditReceipt implements StrictServerInterface. A driver takes back nothing: whoever runs the plot does.
func (a *API) CreditReceipt(ctx context.Context, request CreditReceiptRequestObject) (CreditReceiptResponseObject, error) {
	s, err := a.visible(ctx, request.SessionId)
	if err == nil && !caller(ctx).Operates(s.OperatorID) {
		err = session.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	cdr, err := a.Sessions.CreditBill(ctx, s.ID, request.Body.Reason, orZero(request.Body.TariffId))
	if err != nil {
		return nil, err
	}
	return CreditReceipt201JSONResponse(ToAPIReceipt(cdr)), nil
}

// paper is a receipt as a page or a sheet. How it looks may change, so its tag names the look too.
func (a *API) paper(
	ctx context.Context, id uuid.UUID, kind, contentType string, write func(io.Writer, session.CDR) error,
) (picture, error) {
	cdr, err := a.record(ctx, id)
	if err != nil {
		return picture{}, err
	}
	return picture{contentType: contentType, etag: `"` + cdr.ID.String() + "-" + kind + drawing + `"`, render: func() ([]byte, error) {
		var buf bytes.Buffer
		err := write(&buf, cdr)
		return buf.Bytes(), err
	}}, nil
}

func (p picture) VisitGetReceiptHTMLResponse(c *fiber.Ctx) error { return p.visit(c) }
func (p picture) VisitGetReceiptPDFResponse(c *fiber.Ctx) error  { return p.visit(c) }

// GetReceiptHTML implements StrictServerInterface.
func (a *API) GetReceiptHTML(ctx context.Context, request GetReceiptHTMLRequestObject) (GetReceiptHTMLResponseObject, error) {
	return a.paper(ctx, request.SessionId, "html", fiber.MIMETextHTMLCharsetUTF8, receipt.HTML)
}

// GetReceiptPDF implements StrictServerInterface.
func (a *API) GetReceiptPDF(ctx context.Context, request GetReceiptPDFRequestObject) (GetReceiptPDFResponseObject, error) {
	return a.paper(ctx, request.SessionId, "pdf", mimePDF, receipt.PDF)
}

// GetReservationReceipt implements StrictServerInterface.
func (a *API) GetReservationReceipt(
	ctx context.Context, request GetReservationReceiptRequestObject,
) (GetReservationReceiptResponseObject, error) {
	r, err := a.Reservations.GetReservation(ctx, request.ReservationId)
	if err != nil {
		return nil, err
	}
	if !caller(ctx).Sees(r.DriverID, r.OperatorID) {
		return nil, reservation.ErrNotFound
	}
	cdr, err := a.Sessions.GetNoShowCDR(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	tag := `"` + cdr.ID.String() + `"`
	return GetReservationReceipt200JSONResponse{Body: ToAPIReceipt(cdr), Headers: GetReservationReceipt200ResponseHeaders{ETag: &tag}}, nil
}
