package ocm

import (
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openchargemap"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
)

// provider is the only data provider: what is here is this catalogue's, and where it has it from is the point's DataProvidersReference.
const (
	provider      = 1
	providerTitle = "IHR Charging Plot"
)

func (w *writer) dataProvider(name, origin string) {
	w.open(name)
	w.text("WebsiteURL", origin)
	w.null("Comments")
	w.open("DataProviderStatusType")
	w.truth("IsProviderEnabled", true)
	w.whole("ID", 20, known)
	w.given("Title", "Automated Import")
	w.close()
	w.truth("IsRestrictedEdit", true)
	w.null("IsOpenDataLicensed", "IsApprovedImport", "License", "DateLastImported")
	w.whole("ID", provider, known)
	w.given("Title", providerTitle)
	w.close()
}

func (w *writer) operator(name string, o *operator.Operator) {
	w.open(name)
	w.text("WebsiteURL", o.Website)
	w.null("Comments")
	w.text("PhonePrimaryContact", o.Phone)
	w.null("PhoneSecondaryContact", "IsPrivateIndividual", "AddressInfo", "BookingURL")
	w.text("ContactEmail", o.Email)
	w.null("FaultReportEmail", "IsRestrictedEdit")
	w.whole("ID", o.Number, known)
	w.given("Title", o.Name)
	w.close()
}

func (w *writer) country(name string, c *openchargemap.Country) {
	w.open(name)
	w.given("ISOCode", c.ISOCode)
	w.given("ContinentCode", c.ContinentCode)
	w.whole("ID", int64(c.ID), known)
	w.given("Title", c.Title)
	w.close()
}

func (w *writer) connectionType(name string, t *openchargemap.ConnectionType) {
	w.open(name)
	w.text("FormalName", t.FormalName)
	w.flag("IsDiscontinued", t.Discontinued)
	w.flag("IsObsolete", t.Obsolete)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

func (w *writer) currentType(name string, t *openchargemap.CurrentType) {
	w.open(name)
	w.given("Description", t.Description)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

func (w *writer) level(name string, t *openchargemap.ChargerType) {
	w.open(name)
	w.given("Comments", t.Comments)
	w.flag("IsFastChargeCapable", t.Fast)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

func (w *writer) statusType(name string, t *openchargemap.StatusType) {
	w.open(name)
	w.flag("IsOperational", t.Operational)
	w.flag("IsUserSelectable", t.UserSelectable)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

func (w *writer) usageType(name string, t *openchargemap.UsageType) {
	w.open(name)
	w.flag("IsPayAtLocation", t.PayAtLocation)
	w.flag("IsMembershipRequired", t.MembershipRequired)
	w.flag("IsAccessKeyRequired", t.AccessKeyRequired)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

func (w *writer) submissionStatusType(name string, t *openchargemap.SubmissionStatusType) {
	w.open(name)
	w.flag("IsLive", t.Live)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

func (w *writer) checkinStatusType(name string, t *openchargemap.CheckinStatusType) {
	w.open(name)
	w.flag("IsPositive", t.Positive)
	w.flag("IsAutomatedCheckin", t.Automated)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

func (w *writer) commentType(name string, t *openchargemap.Type) {
	w.open(name)
	w.whole("ID", int64(t.ID), known)
	w.given("Title", t.Title)
	w.close()
}

// table writes every entry of a table.
func table[T any](w *writer, name string, entries []T, write func(name string, entry *T)) {
	w.list(name)
	for i := range entries {
		write("", &entries[i])
	}
	w.end()
}

// reference writes Open Charge Map's core reference data, with our operators.
func (w *writer) reference(operators []operator.Operator, origin string) {
	w.open("")
	table(w, "ChargerTypes", openchargemap.ChargerTypes, w.level)
	table(w, "ConnectionTypes", openchargemap.ConnectionTypes, w.connectionType)
	table(w, "CurrentTypes", openchargemap.CurrentTypes, w.currentType)
	table(w, "Countries", openchargemap.Countries(), w.country)
	w.list("DataProviders")
	w.dataProvider("", origin)
	w.end()
	table(w, "Operators", operators, w.operator)
	table(w, "StatusTypes", openchargemap.StatusTypes, w.statusType)
	table(w, "SubmissionStatusTypes", openchargemap.SubmissionStatusTypes, w.submissionStatusType)
	table(w, "UsageTypes", openchargemap.UsageTypes, w.usageType)
	table(w, "UserCommentTypes", openchargemap.UserCommentTypes, w.commentType)
	table(w, "CheckinStatusTypes", openchargemap.CheckinStatusTypes, w.checkinStatusType)
	w.null("DataTypes", "MetadataGroups", "UserProfile")
	w.close()
}
