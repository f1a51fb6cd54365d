// The reference of all three services, one at a time. The choice stands in the address, so that it can be shared.
const services = ['station-catalog', 'charging-plot', 'auth'];

window.ui = SwaggerUIBundle({
  dom_id: '#reference',
  urls: services.map((name) => ({ name, url: `/openapi/${name}.json` })),
  'urls.primaryName': new URLSearchParams(location.search).get('urls.primaryName') ?? services[0],
  layout: 'StandaloneLayout',
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
