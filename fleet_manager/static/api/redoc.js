const place = document.getElementById("redoc");

window.Redoc.init(place.dataset.schema, { disableSearch: false }, place);
