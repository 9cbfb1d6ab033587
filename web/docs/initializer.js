window.onload = () => {
    window.ui = SwaggerUIBundle({
        urls: [
            { url: '../v1/openapi.json', name: 'API v1' },
            { url: '../original/openapi.json', name: 'Original routes' },
        ],
        dom_id: '#swagger-ui',
        deepLinking: true,
        persistAuthorization: true,
        displayRequestDuration: true,
        filter: true,
        presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
        layout: 'StandaloneLayout',
    });
};
