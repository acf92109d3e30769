from api_pattern.routers import Router
from file_manager import views

router = Router()
router.register("files", views.UploadViewSet)

urlpatterns = router.urls
