// Package e2e holds the journeys: tests that know the product by its public HTTP API alone, through the gateway, and check every
// answer against the OpenAPI documents.
//
// They run against their own stack (the services' real binaries beside a private Postgres and Redis), or against a running
// product when E2E_BASE_URL names its gateway. In the second case E2E_ADMIN_LOGIN and E2E_ADMIN_PASSWORD must belong to an
// administrator, E2E_MAIL_FOLDER must be where the product puts its mails, and the tests that kill services fail with a word
// about it: nobody's product is killed but one's own.
package e2e
