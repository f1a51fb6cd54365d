package demo

import "fmt"

// Account is a login that the local stack has from its first start.
type Account struct {
	Email    string
	Username string
	Name     string
	Role     string
	// OfOperator binds the role to the Demonstrator.
	OfOperator bool
}

// Password is the password of every demonstration account. It is public: the local stack listens on the loopback interface
// alone, and no deployment creates these accounts.
const Password = "charging-plot demonstration"

// The demonstration accounts.
var (
	Driver   = Account{Email: "driver@demo.example", Username: "demo-driver", Name: "Dana Driver", Role: "driver"}
	Op       = Account{Email: "operator@demo.example", Username: "demo-operator", Name: "Otto Operator", Role: "operator", OfOperator: true}
	Admin    = Account{Email: "admin@demo.example", Username: "demo-admin", Name: "Ada Admin", Role: "admin"}
	Accounts = []Account{Driver, Op, Admin}
)

// Drivers are the accounts of the simulated drivers.
func Drivers() []Account {
	var out []Account
	for n := range 24 {
		out = append(out, Account{
			Email: fmt.Sprintf("driver-%02d@demo.example", n+1), Username: fmt.Sprintf("demo-driver-%02d", n+1),
			Name: fmt.Sprintf("Driver %d", n+1), Role: "driver",
		})
	}
	return out
}
