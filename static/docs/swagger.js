const element = document.getElementById("docs");
SwaggerUIBundle({
  url: element.dataset.schema,
  domNode: element,
  deepLinking: true,
  validatorUrl: null,
});
